// Fields added when a message is delivered for good: Return-Path (RFC 5321 4.4) and Delivered-To
// (RFC 9228). Addresses are given as smtp::to_text prints them; octets that could break the field
// become '?'.
#pragma once

#include <string>
#include <string_view>

namespace ringpost::mail {

// `reverse_path` without brackets, empty for the null path. Ended by CRLF.
void append_return_path(std::string& target, std::string_view reverse_path);
void append_delivered_to(std::string& target, std::string_view recipient);

}  // namespace ringpost::mail
