// Any content, cut at a place that its first octets choose: the same results as in one piece, and a
// DNS that gives the rest of them as a key record to whoever asks.
#include <memory>
#include <string_view>

#include "proto/base/bytes.h"
#include "proto/base/check.h"
#include "scan/sign/message_verifier.h"

namespace {

using namespace ringpost;

struct Outcome {
  std::vector<auth::DkimResult> dkim;
  auth::Result arc = auth::Result::None;
};

Outcome judge(std::string_view content, std::size_t cut, std::string_view record) {
  scan::MessageVerifier verifier;
  verifier.take(bytes_of(content.substr(0, cut)));
  verifier.take(bytes_of(content.substr(cut)));
  verifier.finish();
  auth::DnsMemo memo;
  const WallTime now{1'700'000'000'000'000};
  auto dkim = verifier.evaluate_dkim(memo, now);
  auto arc = verifier.evaluate_arc(memo, now);
  for (const dns::Question& question : memo.take_wanted()) {
    auto answer = std::make_shared<dns::Answer>();
    answer->outcome = dns::Outcome::Found;
    answer->records.emplace_back(dns::Text{{std::string(record)}});
    memo.put(question, std::move(answer));
  }
  if (!dkim) dkim = verifier.evaluate_dkim(memo, now);
  if (!arc) arc = verifier.evaluate_arc(memo, now);
  CHECK(dkim && arc);
  return {std::move(*dkim), arc->result};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* octets, std::size_t size) {
  const std::string_view text = text_of(std::as_bytes(std::span(octets, size)));
  const std::size_t line = text.find('\n');
  if (line == text.npos) return 0;
  const std::string_view record = text.substr(0, line), content = text.substr(line + 1);
  const std::size_t cut = content.empty() ? 0 : (size * 7919) % content.size();
  const Outcome whole = judge(content, content.size(), record);
  const Outcome parts = judge(content, cut, record);
  CHECK(whole.dkim == parts.dkim && whole.arc == parts.arc);
  return 0;
}
