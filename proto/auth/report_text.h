// Texts of strangers in the header of a report.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "proto/base/ascii.h"

namespace ringpost::auth {

// Of one value; nobody needs more.
inline constexpr std::size_t report_text_octets_max = 512;

// Nothing that could end a header field: control characters and octets above 127 become '?'.
inline std::string field_text(std::string_view text) {
  std::string safe;
  for (const char c : text.substr(0, report_text_octets_max))
    safe += ascii::is_control(c) || ascii::is_high(c) ? '?' : c;
  return safe;
}

// The same as a quoted string: a display name.
inline std::string quoted_text(std::string_view text) {
  std::string phrase = "\"";
  for (const char c : field_text(text)) {
    if (c == '"' || c == '\\') phrase += '\\';
    phrase += c;
  }
  return phrase + '"';
}

}  // namespace ringpost::auth
