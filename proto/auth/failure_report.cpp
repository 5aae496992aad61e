// Failure reports: see failure_report.h. RFC 6591 3, RFC 7489 7.3.1.
#include "proto/auth/failure_report.h"

#include <algorithm>

#include <fmt/format.h>

#include "proto/auth/report_text.h"
#include "proto/auth/tag_list.h"
#include "proto/mail/date.h"

namespace ringpost::auth {
namespace {

constexpr std::size_t line_octets_max = 900;  // RFC 5322 2.1.1 allows 998

bool is_failure(const DkimResult& one) {
  return one.result == Result::Fail || one.result == Result::PermError;
}

void append_field(std::string& text, std::string_view name, std::string_view value) {
  if (!value.empty()) text += fmt::format("{}: {}\r\n", name, field_text(value));
}

// "dkim, spf" of those that are aligned; RFC 7489 7.3.1.
std::string_view alignment_of(const FailureNote& note) {
  if (note.dkim_aligned) return note.spf_aligned ? "dkim, spf" : "dkim";
  return note.spf_aligned ? "spf" : "none";
}

void append_facts(std::string& text, const FailureFrame& frame, const FailureNote& note) {
  text += "Feedback-Type: auth-failure\r\nVersion: 1\r\nUser-Agent: Ringpost\r\n";
  text += "Auth-Failure: dmarc\r\n";
  append_field(text, "Authentication-Results", note.results);
  append_field(text, "Original-Mail-From", fmt::format("<{}>", note.reverse_path));
  append_field(text, "Source-IP", note.client);
  text += "Arrival-Date: ";
  mail::append_date(text, note.received);
  text += "\r\n";
  append_field(text, "Reporting-MTA", fmt::format("dns; {}", frame.server));
  append_field(text, "Reported-Domain", note.domain);
  append_field(text, "Delivery-Result", note.delivery);
  append_field(text, "Identity-Alignment", alignment_of(note));
  append_field(text, "DKIM-Domain", note.dkim_domain);
  append_field(text, "DKIM-Selector", note.dkim_selector);
}

// Line by line, each in ASCII and no longer than mail may have it.
void append_header(std::string& text, std::string_view header) {
  header = header.substr(0, failure_header_octets_max);
  while (!header.empty()) {
    const std::size_t end = std::min(header.find('\n'), header.size());
    std::string_view line = header.substr(0, std::min(end, line_octets_max));
    header.remove_prefix(std::min(end + 1, header.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    for (const char c : line)
      text += (ascii::is_control(c) && c != '\t') || ascii::is_high(c) ? '?' : c;
    text += "\r\n";
  }
}

}  // namespace

// RFC 7489 6.3: words that are not known are passed over.
bool wants_failure_report(const DmarcResult& dmarc, Result spf, std::span<const DkimResult> dkim) {
  if (!dmarc.record || dmarc.result == Result::TempError) return false;
  const DmarcRecord& record = *dmarc.record;
  if (record.failure_uris.empty() || !list_contains(record.failure_format, "afrf")) return false;
  const auto asks = [&record](std::string_view word) {
    return list_contains(record.failure_options, word);
  };
  const bool is_known = asks("0") || asks("1") || asks("d") || asks("s");
  if ((asks("0") || !is_known) && !dmarc.dkim_aligned && !dmarc.spf_aligned) return true;
  if (asks("1") && (!dmarc.dkim_aligned || !dmarc.spf_aligned)) return true;
  if (asks("d") && std::ranges::any_of(dkim, is_failure)) return true;
  return asks("s") && (spf == Result::Fail || spf == Result::SoftFail);
}

std::string failure_message(const FailureFrame& frame, const FailureNote& note) {
  const std::string about = field_text(note.domain);
  std::string text =
      fmt::format("From: {} <{}>\r\nTo: <{}>\r\nDate: ", quoted_text(frame.organization),
                  field_text(frame.from), field_text(frame.to));
  mail::append_date(text, frame.now);
  text += fmt::format(
      "\r\nMessage-ID: <{}>\r\nSubject: DMARC failure report about {}\r\n"
      "Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n"
      "Content-Type: multipart/report; report-type=feedback-report;\r\n boundary=\"{}\"\r\n\r\n",
      frame.message_id, about, frame.boundary);
  text += fmt::format(
      "--{}\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n"
      "A message in the name of {} came from {}, and does not\r\n"
      "prove by DMARC that it is from there. Its header follows.\r\n\r\n",
      frame.boundary, about, field_text(note.client));
  text += fmt::format("--{}\r\nContent-Type: message/feedback-report\r\n\r\n", frame.boundary);
  append_facts(text, frame, note);
  text += fmt::format("\r\n--{}\r\nContent-Type: text/rfc822-headers\r\n\r\n", frame.boundary);
  append_header(text, note.header);
  return text + fmt::format("\r\n--{}--\r\n", frame.boundary);
}

}  // namespace ringpost::auth
