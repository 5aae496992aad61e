// What a server of Dovecot's authentication protocol may say. However it is cut, the same replies
// come.
#include "proto/base/base64.h"
#include "proto/base/check.h"
#include "proto/sasl/dovecot_auth.h"

namespace {

using namespace ringpost;

std::string transcript(std::string_view text, std::size_t part_octets) {
  sasl::DovecotAuth client(1);
  std::string result;
  while (!text.empty() && !client.broken()) {
    const std::string_view part = text.substr(0, part_octets);
    text.remove_prefix(part.size());
    client.receive(bytes_of(part));
    while (const auto reply = client.next_reply()) {
      CHECK(base64_decode(reply->challenge));
      CHECK(reply->kind != sasl::DovecotReply::Kind::Accepted || !reply->user.empty());
      result += std::to_string(reply->id) + reply->user + reply->challenge;
      result += static_cast<char>('a' + static_cast<int>(reply->kind));
    }
  }
  for (const std::string& name : client.mechanisms()) result += name;
  result += client.ready() ? " ready" : "";
  result += client.broken().value_or("");
  return result;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = text_of(std::as_bytes(std::span(data, size)));
  const std::string whole = transcript(text, text.size() + 1);
  CHECK(transcript(text, 1) == whole);
  CHECK(transcript(text, 7) == whole);
  return 0;
}
