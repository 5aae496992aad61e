// DMARC over hostile headers and records: the first line is a From field, every other one what a
// name publishes, in the order in which names are asked. Every evaluation ends, and a record that
// was read is one.
#include <memory>
#include <string>
#include <string_view>

#include "proto/auth/dmarc.h"
#include "proto/auth/failure_report.h"
#include "proto/base/ascii.h"
#include "proto/base/bytes.h"
#include "proto/base/check.h"

namespace {

using namespace ringpost;

std::string_view take_line(std::string_view& text) {
  const std::string_view line = text.substr(0, text.find('\n'));
  text.remove_prefix(std::min(line.size() + 1, text.size()));
  return line;
}

dns::AnswerPointer answer_to(const dns::Question& question, std::string_view& text) {
  dns::Answer answer{.outcome = dns::Outcome::NoName, .owner = question.name};
  const std::string_view line = take_line(text);
  if (line == "fail") answer.outcome = dns::Outcome::Failed;
  if (question.type == dns::Type::Txt && line.starts_with('v')) {
    answer.outcome = dns::Outcome::Found;
    answer.records.emplace_back(dns::Text{{std::string(line)}});
    if (const auto record = auth::parse_dmarc_record(line))
      CHECK(auth::is_dmarc_record(line) && record->percent <= 100);
  }
  return std::make_shared<const dns::Answer>(std::move(answer));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* octets, std::size_t size) {
  std::string_view text = text_of(std::as_bytes(std::span(octets, size)));
  const std::string header = std::string(take_line(text)) + "\r\n";
  const auto domains = auth::author_domains(auth::MessageHeader(header));
  CHECK(domains.size() <= auth::author_domains_max + 1);
  const auth::DkimResult signature{.result = auth::Result::Pass, .domain = "example.com"};
  const auth::DmarcInput input{domains, auth::Result::Pass, "mail.example.com",
                               std::span(&signature, 1), 50};
  auth::DnsMemo memo;
  for (int round = 0; round < 20; ++round) {
    if (const auto result = auth::evaluate_dmarc(input, nullptr, memo)) {
      CHECK(result->record.has_value() == result->policy.has_value());
      if (auth::wants_failure_report(*result, auth::Result::Fail, {})) {
        const auth::FailureNote note{.domain = result->record_domain, .header = std::string(text)};
        const std::string report = auth::failure_message({.to = "a@b"}, note);
        CHECK(!ascii::has_high(report) &&
              report.size() < 2 * auth::failure_header_octets_max + 8192);
      }
      return 0;
    }
    CHECK(!memo.wants_nothing());
    for (const dns::Question& question : memo.take_wanted())
      memo.put(question, answer_to(question, text));
  }
  CHECK(false);
}
