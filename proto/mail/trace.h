// What is added when a message is delivered for good: Return-Path (RFC 5321 4.4), Delivered-To
// (RFC 9228), and the line that an mbox has before each message. Addresses are given as
// smtp::to_text prints them; octets that could break the field become '?'.
#pragma once

#include <string>
#include <string_view>

#include "proto/base/clock.h"

namespace ringpost::mail {

// `reverse_path` without brackets, empty for the null path. Ended by CRLF.
void append_return_path(std::string& target, std::string_view reverse_path);
void append_delivered_to(std::string& target, std::string_view recipient);

// The separator of an mbox (RFC 4155): "From SENDER Mon Nov 23 03:00:00 2026" in UTC, without a
// line end; "MAILER-DAEMON" for the null path.
void append_from_line(std::string& target, std::string_view reverse_path, WallTime time);

}  // namespace ringpost::mail
