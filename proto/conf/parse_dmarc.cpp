// `dmarc reports`: who reports to the owners of domains what came of mail in their name. RFC
// 7489 7.2.
#include <algorithm>

#include <fmt/format.h>

#include "proto/base/ascii.h"
#include "proto/conf/parser.h"
#include "proto/smtp/path.h"

namespace ringpost::conf {
namespace {

constexpr Duration interval_least = seconds(10);
constexpr Duration interval_most = seconds(7 * 86'400);
constexpr std::size_t text_octets_max = 200;
constexpr std::int64_t failures_most = 10'000;

bool is_plain(std::string_view text) {
  return text.size() <= text_octets_max && std::ranges::none_of(text, [](char c) {
           return ascii::is_control(c) || ascii::is_high(c);
         });
}

}  // namespace

// from ADDRESS [organization TEXT] [contact TEXT] [interval DURATION] [failures NUMBER]; a second
// one replaces the first.
bool Parser::parse_dmarc() {
  if (!take_word("reports")) return expected("reports");
  if (!expect_keyword("from")) return false;
  const auto from = expect_string("the address that reports come from");
  if (!from) return false;
  DmarcReports reports;
  const auto mailbox = smtp::parse_mailbox(from->text);
  if (!mailbox || smtp::has_non_ascii(*mailbox)) {
    error(from->position, fmt::format("{} is no mail address", describe(*from)));
  } else {
    reports.from = smtp::to_text(*mailbox);
  }
  while (token_.is_string()) {
    if (take_word("organization")) {
      if (!parse_report_text(reports.organization)) return false;
    } else if (take_word("contact")) {
      if (!parse_report_text(reports.contact)) return false;
    } else if (take_word("interval")) {
      const auto interval = expect_delay("interval", interval_least, interval_most);
      if (!interval) return false;
      reports.interval = seconds(interval->seconds());
    } else if (take_word("failures")) {
      if (!parse_failures(reports)) return false;
    } else {
      return expected("organization, contact, interval or failures");
    }
  }
  config_.dmarc_reports = std::move(reports);
  return true;
}

bool Parser::parse_failures(DmarcReports& reports) {
  const Position position = token_.position;
  const auto most = expect_number("how many reports about failures may leave in an hour");
  if (!most) return false;
  if (*most < 1 || *most > failures_most)
    error(position,
          fmt::format("{} reports an hour are out of range: 1 to {}", *most, failures_most));
  else
    reports.failures_per_hour = static_cast<std::uint32_t>(*most);
  return true;
}

bool Parser::parse_report_text(std::string& target) {
  auto text = expect_string("a text");
  if (!text) return false;
  if (!is_plain(text->text))
    error(text->position,
          fmt::format("the text is not at most {} printable ASCII characters", text_octets_max));
  target = std::move(text->text);
  return true;
}

}  // namespace ringpost::conf
