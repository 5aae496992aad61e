// Base64: see base64.h.
#include "proto/base/base64.h"

#include <array>
#include <cstdint>

namespace ringpost {
namespace {

constexpr std::string_view letters =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::uint8_t no_letter = 64;

constexpr std::array<std::uint8_t, 256> values = [] {
  std::array<std::uint8_t, 256> table{};
  table.fill(no_letter);
  for (std::size_t i = 0; i < letters.size(); ++i)
    table[static_cast<unsigned char>(letters[i])] = static_cast<std::uint8_t>(i);
  return table;
}();

std::size_t encoded_octets(std::size_t octets) { return (octets + 2) / 3 * 4; }

void encode(std::string_view octets, char* target) {
  while (!octets.empty()) {
    const std::string_view group = octets.substr(0, 3);
    octets.remove_prefix(group.size());
    std::uint32_t bits = 0;
    for (std::size_t i = 0; i < 3; ++i)
      bits = bits << 8 | (i < group.size() ? static_cast<unsigned char>(group[i]) : 0u);
    for (std::size_t i = 0; i < 4; ++i)
      *target++ = i <= group.size() ? letters[bits >> (18 - 6 * i) & 63] : '=';
  }
}

// How many octets `text` encodes; nothing when its length is none of base64.
std::optional<std::size_t> decoded_octets(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with("=") ? 1 : 0;
  return text.size() / 4 * 3 - padding;
}

// Writes `octets` of them to `target`.
bool decode(std::string_view text, char* target, std::size_t octets) {
  for (std::size_t done = 0; done < octets; text.remove_prefix(4)) {
    const std::size_t group = octets - done < 3 ? octets - done : 3;
    std::uint32_t bits = 0;
    for (std::size_t i = 0; i < 4; ++i) {
      const std::uint8_t value = i <= group ? values[static_cast<unsigned char>(text[i])] : 0;
      if (value == no_letter) return false;
      bits = bits << 6 | value;
    }
    // Bits behind the last octet are zero: RFC 4648 3.5.
    if ((bits & ((1u << (24 - 8 * group)) - 1)) != 0) return false;
    for (std::size_t i = 0; i < group; ++i)
      target[done++] = static_cast<char>(bits >> (16 - 8 * i) & 0xff);
  }
  return true;
}

}  // namespace

std::string base64_encode(std::string_view octets) {
  std::string text(encoded_octets(octets.size()), '\0');
  encode(octets, text.data());
  return text;
}

Secret base64_encode_secret(std::string_view octets) {
  Secret text(encoded_octets(octets.size()));
  encode(octets, text.writable());
  return text;
}

std::optional<std::string> base64_decode(std::string_view text) {
  const auto octets = decoded_octets(text);
  if (!octets) return std::nullopt;
  std::string result(*octets, '\0');
  if (!decode(text, result.data(), *octets)) return std::nullopt;
  return result;
}

std::optional<Secret> base64_decode_secret(std::string_view text) {
  const auto octets = decoded_octets(text);
  if (!octets) return std::nullopt;
  Secret result(*octets);
  if (!decode(text, result.writable(), *octets)) return std::nullopt;
  return result;
}

}  // namespace ringpost
