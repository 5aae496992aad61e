// Forged Authentication-Results. The first octet chooses the cutting; the rest is a message.
// However it is cut the same is left, which has no field of ours any more, and our own is found.
#include <span>
#include <string>

#include "proto/auth/auth_results.h"
#include "proto/auth/results_remover.h"
#include "proto/base/bytes.h"
#include "proto/base/check.h"

namespace {

using namespace ringpost;

std::string without(std::string_view content, std::size_t part_octets) {
  auth::ResultsRemover remover("mx.test");
  std::string left;
  for (; !content.empty(); content.remove_prefix(std::min(part_octets, content.size()))) {
    const std::string_view part = content.substr(0, part_octets);
    left += part.substr(remover.edit(bytes_of(part), left));
  }
  if (!remover.done()) remover.finish(left);
  return left;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text = text_of(std::as_bytes(std::span(data + 1, size - 1)));
  const std::string left = without(text, text.size() + 1);
  CHECK(left.size() <= text.size());
  CHECK(without(text, 1) == left);
  CHECK(without(text, data[0] + 1u) == left);
  const auth::SpfResult spf{.result = auth::Result::Fail, .problem = std::string(text)};
  std::string ours;
  auth::append_auth_results(ours, {.service = "mx.test", .spf = &spf, .mail_from = text});
  CHECK(without(ours + "\r\n", 7) == "\r\n");
  // Every line but the first goes on.
  std::string received;
  auth::append_received_spf(received, {.spf = &spf, .mail_from = text, .helo = text}, text);
  for (std::size_t at = 0; (at = received.find("\r\n", at)) + 2 < received.size(); ++at)
    CHECK(received[at + 2] == '\t');
  CHECK(received.ends_with("\r\n") && received.find('\r') == received.find("\r\n"));
  return 0;
}
