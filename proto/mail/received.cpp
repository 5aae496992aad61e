// Composing Received: RFC 5321 4.4. Cannot fail; see safe_text.h for what becomes of odd input.
#include "proto/mail/received.h"

#include <iterator>

#include <fmt/format.h>

#include "proto/mail/date.h"
#include "proto/mail/safe_text.h"

namespace ringpost::mail {
namespace {

// What domains and address literals are made of; no blank, no parenthesis, no semicolon.
constexpr bool is_name_octet(char c) {
  return ascii::is_alnum(c) || std::string_view(".-_:[]").contains(c);
}

// What mailboxes are made of, quoted ones included.
constexpr bool is_mailbox_octet(char c) { return !ascii::is_control(c) && c != '<' && c != '>'; }

// RFC 3848, RFC 6531 4.3
void append_protocol(std::string& target, const ReceivedTrace& trace) {
  const bool extended = trace.extended || trace.encrypted || trace.authenticated;
  target += trace.smtputf8 ? "UTF8SMTP" : extended ? "ESMTP" : "SMTP";
  if (trace.encrypted) target += 'S';
  if (trace.authenticated) target += 'A';
}

// A comment: what a client calls itself must not end it.
void append_user(std::string& target, const ReceivedTrace& trace) {
  target += trace.user.empty() ? "\r\n\t(auth=no" : "\r\n\t(auth=yes user=";
  append_safe(target, trace.user, trace.smtputf8, [](char c) {
    return !ascii::is_control(c) && !std::string_view("()\\").contains(c);
  });
  target += ')';
}

void append_client(std::string& target, const ReceivedTrace& trace) {
  target += "from ";
  append_safe(target, trace.hello_name, trace.smtputf8, is_name_octet);
  target += " (";
  if (trace.local_user) {
    fmt::format_to(std::back_inserter(target), "{}@", *trace.local_user);
    append_safe(target, trace.server_name, trace.smtputf8, is_name_octet);
    target += " [local])\r\n\t";
    return;
  }
  append_safe(target, trace.client_name.empty() ? "unknown" : trace.client_name, trace.smtputf8,
              is_name_octet);
  target += trace.client_address.contains(':') ? " [IPv6:" : " [";
  append_safe(target, trace.client_address, false, is_name_octet);
  target += "])\r\n\t";
}

}  // namespace

// RFC 5321 4.4
void append_received(std::string& target, const ReceivedTrace& trace) {
  target += "Received: ";
  if (!trace.masked) append_client(target, trace);
  target += "by ";
  append_safe(target, trace.server_name, trace.smtputf8, is_name_octet);
  target += " with ";
  append_protocol(target, trace);
  if (!trace.encryption.empty()) {
    target += " (";
    append_safe(target, trace.encryption, false, is_name_octet);
    target += ")\r\n\t";
  } else {
    target += ' ';
  }
  target += "id ";
  target += to_text(trace.id);
  if (trace.shows_user) append_user(target, trace);
  if (!trace.recipient.empty()) {
    target += "\r\n\tfor <";
    append_safe(target, trace.recipient, trace.smtputf8, is_mailbox_octet);
    target += '>';
  }
  target += ";\r\n\t";
  append_date(target, trace.received);
  target += "\r\n";
}

}  // namespace ringpost::mail
