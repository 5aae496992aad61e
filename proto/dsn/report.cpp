// Composing a report: RFC 3464 2, RFC 3461 6, RFC 6522, RFC 6533. Cannot fail.
#include "proto/dsn/report.h"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>

#include "proto/base/ascii.h"
#include "proto/base/check.h"
#include "proto/base/utf8.h"
#include "proto/dsn/explanation.h"
#include "proto/dsn/status_fields.h"
#include "proto/dsn/wrap.h"
#include "proto/mail/date.h"

namespace ringpost::dsn {
namespace {

// More than any address that SMTP can carry, so that the line stays within its limit.
constexpr std::size_t sender_octets_max = 600;

std::string_view encoding_of(Body body) {
  return body == Body::SevenBit ? "7bit" : body == Body::EightBitMime ? "8bit" : "binary";
}

// RFC 2046 5.1.1: what a boundary may be made of without being quoted, and how long it may be.
bool is_boundary(std::string_view text) {
  return !text.empty() && text.size() <= 70 && std::ranges::all_of(text, [](char c) {
    return ascii::is_alnum(c) || c == '-' || c == '_';
  });
}

void begin_part(std::string& target, const Frame& frame, std::string_view type, Body body) {
  fmt::format_to(std::back_inserter(target),
                 "\r\n--{}\r\nContent-Type: {}\r\nContent-Transfer-Encoding: {}\r\n\r\n",
                 frame.boundary, type, encoding_of(body));
}

// RFC 3464 2: the envelope recipient of a report is the sender of the message. Auto-Submitted by
// RFC 3834 5
void append_header(std::string& target, const ReportedMessage& message, std::string_view subject,
                   const Frame& frame, const Report& report) {
  const std::string server = printable(frame.server_name, report.smtputf8);
  fmt::format_to(std::back_inserter(target),
                 "From: Mail Delivery System <MAILER-DAEMON@{}>\r\nTo: <{}>\r\nSubject: {}\r\n"
                 "Date: ",
                 server, printable(message.sender.substr(0, sender_octets_max), report.smtputf8),
                 subject);
  mail::append_date(target, frame.now);
  fmt::format_to(std::back_inserter(target),
                 "\r\nMessage-ID: <{}>\r\nAuto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n"
                 "Content-Type: multipart/report; report-type={};\r\n\tboundary=\"{}\"\r\n"
                 "Content-Transfer-Encoding: {}\r\n\r\nThis report has several parts, as MIME "
                 "defines them.\r\n",
                 printable(frame.message_id, report.smtputf8),
                 report.smtputf8 ? "global-delivery-status" : "delivery-status", frame.boundary,
                 encoding_of(report.body));
}

std::string_view type_of_return(Returned returned, bool utf8) {
  if (returned == Returned::Full) return utf8 ? "message/global" : "message/rfc822";
  return utf8 ? "message/global-headers" : "text/rfc822-headers";
}

}  // namespace

bool is_wanted(Action action, std::string_view sender, smtp::NotifySet notify) {
  // RFC 3461 6.1
  if (sender.empty() || notify.has(smtp::NotifySet::never)) return false;
  switch (action) {
    case Action::Failed:
      return !notify.is_given() || notify.has(smtp::NotifySet::failure);
    case Action::Delayed:
      return !notify.is_given() || notify.has(smtp::NotifySet::delay);
    case Action::Delivered:
    case Action::Relayed:
    case Action::Expanded:
      return notify.has(smtp::NotifySet::success);
  }
  return false;
}

Returned returned_content(smtp::ReturnContent asked, bool any_failed, Body body,
                          std::uint64_t content_octets) {
  if (!any_failed || body == Body::BinaryMime || asked == smtp::ReturnContent::Headers)
    return Returned::Headers;
  const bool whole = asked == smtp::ReturnContent::Full || content_octets <= full_return_octets_max;
  return whole ? Returned::Full : Returned::Headers;
}

Report compose(const ReportedMessage& message, std::span<const ReportedRecipient> recipients,
               Returned returned, const Frame& frame) {
  CHECK(!message.sender.empty() && !recipients.empty() && is_boundary(frame.boundary));
  Report report;
  // Who sent with SMTPUTF8 can be reached with it; others get addresses in the form of ASCII.
  report.smtputf8 =
      message.smtputf8 || (ascii::has_high(message.sender) && is_utf8(message.sender));
  const bool is_binary = message.body == Body::BinaryMime && returned == Returned::Headers;
  const Body content = is_binary ? Body::EightBitMime : message.body;
  const Body own = report.smtputf8 ? Body::EightBitMime : Body::SevenBit;
  report.body = std::max(content, own);
  append_header(report.before, message, subject_for(recipients), frame, report);
  begin_part(report.before, frame,
             report.smtputf8 ? "text/plain; charset=utf-8" : "text/plain; charset=us-ascii", own);
  append_explanation(report.before, message, recipients, frame, report.smtputf8);
  begin_part(report.before, frame,
             report.smtputf8 ? "message/global-delivery-status" : "message/delivery-status", own);
  append_message_fields(report.before, message, frame, report.smtputf8);
  for (const ReportedRecipient& recipient : recipients)
    append_recipient_fields(report.before, recipient, report.smtputf8);
  begin_part(report.before, frame, type_of_return(returned, report.smtputf8),
             std::max(content, own));
  report.after = fmt::format("\r\n--{}--\r\n", frame.boundary);
  return report;
}

}  // namespace ringpost::dsn
