// UTF-8 as RFC 3629 defines it: the shortest form only, no surrogates, nothing above U+10FFFF.
// Deterministic; malformed text is an answer, not an error.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace ringpost {

struct Utf8Sequence {
  std::size_t octets = 0;  // 0: no well-formed sequence stands here
  char32_t code = 0;
};

// The sequence at the front of `text`. RFC 3629 4
constexpr Utf8Sequence utf8_front(std::string_view text) {
  if (text.empty()) return {};
  const auto octet = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned first = octet(0);
  if (first < 0x80) return {1, first};
  const std::size_t octets = first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  if (octets == 0 || first > 0xf4 || text.size() < octets) return {};
  char32_t code = first & (0x7fu >> octets);
  for (std::size_t i = 1; i < octets; ++i) {
    if ((octet(i) & 0xc0u) != 0x80u) return {};
    code = (code << 6) | (octet(i) & 0x3fu);
  }
  const bool overlong = (octets == 3 && code < 0x800) || (octets == 4 && code < 0x10000);
  const bool surrogate = code >= 0xd800 && code <= 0xdfff;
  if (overlong || surrogate || code > 0x10ffff) return {};
  return {octets, code};
}

constexpr bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const Utf8Sequence sequence = utf8_front(text);
    if (sequence.octets == 0) return false;
    text.remove_prefix(sequence.octets);
  }
  return true;
}

// Appends the shortest form of `code`, which must be a Unicode scalar value.
inline void append_utf8(std::string& target, char32_t code) {
  const auto continuation = [&](unsigned shift) {
    target += static_cast<char>(0x80u | ((code >> shift) & 0x3fu));
  };
  if (code < 0x80) {
    target += static_cast<char>(code);
  } else if (code < 0x800) {
    target += static_cast<char>(0xc0u | (code >> 6));
    continuation(0);
  } else if (code < 0x10000) {
    target += static_cast<char>(0xe0u | (code >> 12));
    continuation(6), continuation(0);
  } else {
    target += static_cast<char>(0xf0u | (code >> 18));
    continuation(12), continuation(6), continuation(0);
  }
}

}  // namespace ringpost
