// Names in address fields: see phrase.h.
#include "proto/submission/phrase.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "proto/base/ascii.h"
#include "proto/base/utf8.h"

namespace ringpost::submission {
namespace {

constexpr std::size_t name_octets_max = 200;
// RFC 2047 2: an encoded word has at most 75 octets; 45 octets make 60 of base64.
constexpr std::size_t encoded_word_octets_max = 45;

// RFC 5322 3.2.3, and blanks between atoms
bool is_plain(char c) {
  return ascii::is_alnum(c) || std::string_view("!#$%&'*+-/=?^_`{|}~ ").contains(c);
}

// Well-formed UTF-8 without controls, of bounded length.
std::string cleaned(std::string_view name) {
  std::string result;
  while (!name.empty() && result.size() < name_octets_max) {
    const Utf8Sequence front = utf8_front(name);
    const std::size_t octets = std::max<std::size_t>(front.octets, 1);
    if (front.octets == 0) {
      result += '?';
    } else if (!ascii::is_control(name.front())) {
      result += name.substr(0, octets);
    }
    name.remove_prefix(octets);
  }
  return std::string(ascii::trim(result));
}

void append_base64(std::string& target, std::string_view octets) {
  constexpr std::string_view digits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (; !octets.empty(); octets.remove_prefix(std::min<std::size_t>(3, octets.size()))) {
    std::uint32_t bits = 0;
    for (std::size_t i = 0; i < 3; ++i)
      bits = bits << 8 | (i < octets.size() ? static_cast<unsigned char>(octets[i]) : 0u);
    for (std::size_t i = 0; i < 4; ++i)
      target += i <= octets.size() ? digits[bits >> (18 - 6 * i) & 0x3f] : '=';
  }
}

// Cut between characters, folded: RFC 2047 5 (3), 8.
std::string encoded(std::string_view name) {
  std::string result;
  while (!name.empty()) {
    std::size_t octets = 0;
    while (octets < name.size()) {
      const std::size_t next = octets + utf8_front(name.substr(octets)).octets;
      if (next > encoded_word_octets_max) break;
      octets = next;
    }
    if (!result.empty()) result += "\r\n ";
    result += "=?UTF-8?B?";
    append_base64(result, name.substr(0, octets));
    result += "?=";
    name.remove_prefix(octets);
  }
  return result;
}

}  // namespace

std::string phrase(std::string_view name) {
  const std::string clean = cleaned(name);
  if (ascii::has_high(clean)) return encoded(clean);
  if (std::ranges::all_of(clean, is_plain) && !clean.contains("=?")) return clean;
  std::string quoted = "\"";
  for (const char c : clean) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + '"';
}

}  // namespace ringpost::submission
