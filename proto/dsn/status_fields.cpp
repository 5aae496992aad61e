// message/delivery-status: RFC 3464 2, RFC 6533 3. Cannot fail.
#include "proto/dsn/status_fields.h"

#include <iterator>

#include <fmt/format.h>

#include "proto/base/ascii.h"
#include "proto/base/utf8.h"
#include "proto/dsn/wrap.h"
#include "proto/mail/date.h"

namespace ringpost::dsn {
namespace {

constexpr std::size_t value_octets_max = 600;
constexpr std::size_t line_octets_max = 900;

// Blanks inside a value stand as they are, unless it is too long for a line: an address of the
// greatest length in its ASCII form is.
void append_field(std::string& target, std::string_view name, std::string_view value) {
  target += name;
  target += ": ";
  if (value.size() <= line_octets_max) {
    target += value;
  } else {
    append_wrapped(target, value, name.size() + 2, "    ");
  }
  target += "\r\n";
}

void append_date_field(std::string& target, std::string_view name, WallTime time) {
  target += name;
  target += ": ";
  mail::append_date(target, time);
  target += "\r\n";
}

// "\x{HEX}" at the front of `text`, as RFC 6533 3 embeds a character, and how long it is.
Utf8Sequence embedded_front(std::string_view text) {
  if (!text.starts_with("\\x{")) return {};
  const std::size_t end = text.find('}');
  if (end == text.npos || end > 9) return {};
  const auto code = ascii::parse_decimal<std::uint32_t>(text.substr(3, end - 3), 16);
  const bool is_scalar = code && *code <= 0x10ffff && (*code < 0xd800 || *code > 0xdfff);
  if (!is_scalar) return {};
  return {end + 1, *code};
}

std::string without_embedding(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    const Utf8Sequence embedded = embedded_front(text);
    if (embedded.octets > 0) {
      append_utf8(result, embedded.code);
      text.remove_prefix(embedded.octets);
    } else {
      result += text.front();
      text.remove_prefix(1);
    }
  }
  return result;
}

// RFC 6533 3: utf-8-addr-xtext, the form that fits into ASCII.
std::string embed(std::string_view address) {
  std::string result;
  while (!address.empty()) {
    const Utf8Sequence next = utf8_front(address);
    if (next.octets == 0) {
      result += '?';
      address.remove_prefix(1);
      continue;
    }
    const bool plain = next.code > ' ' && next.code < 0x7f &&
                       !std::string_view("\\+=").contains(static_cast<char>(next.code));
    if (plain) {
      result += address.front();
    } else {
      fmt::format_to(std::back_inserter(result), "\\x{{{:02X}}}",
                     static_cast<std::uint32_t>(next.code));
    }
    address.remove_prefix(next.octets);
  }
  return result;
}

std::string safe(std::string_view text, bool utf8) {
  return printable(text.substr(0, value_octets_max), utf8);
}

std::string typed_address(std::string_view address, bool utf8) {
  if (!ascii::has_high(address) || !is_utf8(address)) return "rfc822; " + safe(address, false);
  return utf8 ? "utf-8; " + safe(address, true) : "utf-8; " + embed(address);
}

// RFC 3461 6.3: the value of ORCPT with its encoding undone.
std::string original_address(std::string_view value, bool utf8) {
  const std::size_t semicolon = value.find(';');
  const std::string_view type = value.substr(0, semicolon);
  const std::string_view rest = semicolon == value.npos ? "" : value.substr(semicolon + 1);
  std::string address = smtp::decode_xtext(rest);
  const bool is_utf8_type = ascii::equal_ignoring_case(type, "utf-8");
  if (is_utf8_type) {
    address = without_embedding(address);
    if (!utf8) return safe(type, false) + "; " + embed(address);
  }
  return safe(type, false) + "; " + safe(address, utf8 && is_utf8_type);
}

std::string_view name_of(Action action) {
  switch (action) {
    case Action::Failed:
      return "failed";
    case Action::Delayed:
      return "delayed";
    case Action::Delivered:
      return "delivered";
    case Action::Relayed:
      return "relayed";
    case Action::Expanded:
      return "expanded";
  }
  return "failed";
}

// RFC 3464 2.3.6: only what a server has said in SMTP has the type smtp.
void append_diagnostic(std::string& target, const ReportedRecipient& recipient, bool utf8) {
  if (recipient.diagnostic.empty()) return;
  const std::string_view type = recipient.server.empty() ? "X-Ringpost;" : "smtp;";
  std::string text(recipient.diagnostic);
  for (char& c : text)
    if (c == '\n') c = ' ';
  target += "Diagnostic-Code: ";
  append_wrapped(target, std::string(type) + ' ' + printable(text, utf8), 17, "    ");
  target += "\r\n";
}

}  // namespace

smtp::EnhancedStatus told_status(const ReportedRecipient& recipient) {
  if (recipient.status.is_present()) return recipient.status;
  if (recipient.action == Action::Failed) return {5, 0, 0};
  return {static_cast<std::uint8_t>(recipient.action == Action::Delayed ? 4 : 2), 0, 0};
}

void append_message_fields(std::string& target, const ReportedMessage& message, const Frame& frame,
                           bool utf8) {
  // RFC 3461 6.3: the identification as the sender knows it.
  if (!message.envelope_id.empty())
    append_field(target, "Original-Envelope-Id",
                 safe(smtp::decode_xtext(message.envelope_id), false));
  append_field(target, "Reporting-MTA", "dns; " + safe(frame.server_name, utf8));
  if (!message.received_from.empty())
    append_field(target, "Received-From-MTA", "dns; " + safe(message.received_from, utf8));
  append_date_field(target, "Arrival-Date", message.received);
  append_field(target, "X-Ringpost-Queue-Id", to_text(message.id));
}

void append_recipient_fields(std::string& target, const ReportedRecipient& recipient, bool utf8) {
  target += "\r\n";
  if (!recipient.original.empty())
    append_field(target, "Original-Recipient", original_address(recipient.original, utf8));
  const std::string_view address =
      recipient.final_address.empty() ? recipient.address : recipient.final_address;
  append_field(target, "Final-Recipient", typed_address(address, utf8));
  append_field(target, "Action", name_of(recipient.action));
  append_field(target, "Status", to_text(told_status(recipient)));
  if (!recipient.server.empty())
    append_field(target, "Remote-MTA", "dns; " + safe(recipient.server, utf8));
  append_diagnostic(target, recipient, utf8);
  if (recipient.last_attempt.us != 0)
    append_date_field(target, "Last-Attempt-Date", recipient.last_attempt);
  // RFC 3464 2.3.9
  if (recipient.action == Action::Delayed && recipient.retry_until.us != 0)
    append_date_field(target, "Will-Retry-Until", recipient.retry_until);
}

}  // namespace ringpost::dsn
