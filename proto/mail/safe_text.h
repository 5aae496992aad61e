// Text from outside on its way into a header field: whatever could end the line or the place it
// stands in becomes '?', and its length is bounded. Cannot fail.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "proto/base/ascii.h"
#include "proto/base/utf8.h"

namespace ringpost::mail {

inline constexpr std::size_t field_word_octets_max =
    600;  // the longest mailbox, with room for quoting

// Appends `text`; octets for which `is_good` is false, and UTF-8 unless allowed and well-formed,
// become '?'. However long it is.
template <class Predicate>
void append_replacing(std::string& target, std::string_view text, bool utf8_allowed,
                      Predicate is_good) {
  const bool keeps_high = utf8_allowed && is_utf8(text);
  for (const char c : text)
    target += ascii::is_high(c) ? (keeps_high ? c : '?') : (is_good(c) ? c : '?');
}

template <class Predicate>
void append_safe(std::string& target, std::string_view text, bool utf8_allowed, Predicate is_good) {
  append_replacing(target, text.substr(0, field_word_octets_max), utf8_allowed, is_good);
}

}  // namespace ringpost::mail
