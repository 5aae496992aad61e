// Return-Path, Delivered-To and the From line: RFC 5321 4.4, RFC 9228, RFC 4155. Cannot fail.
#include "proto/mail/trace.h"

#include "proto/mail/date.h"
#include "proto/mail/safe_text.h"

namespace ringpost::mail {
namespace {

constexpr bool is_mailbox_octet(char c) { return !ascii::is_control(c); }

}  // namespace

void append_return_path(std::string& target, std::string_view reverse_path) {
  target += "Return-Path: <";
  append_safe(target, reverse_path, true, is_mailbox_octet);
  target += ">\r\n";
}

void append_delivered_to(std::string& target, std::string_view recipient) {
  target += "Delivered-To: ";
  append_safe(target, recipient, true, is_mailbox_octet);
  target += "\r\n";
}

void append_from_line(std::string& target, std::string_view reverse_path, WallTime time) {
  target += "From ";
  // A blank would end the sender.
  const auto is_good = [](char c) { return !ascii::is_control(c) && c != ' '; };
  append_safe(target, reverse_path.empty() ? "MAILER-DAEMON" : reverse_path, true, is_good);
  target += ' ';
  append_asctime(target, time);
}

}  // namespace ringpost::mail
