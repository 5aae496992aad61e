// Base64: see base64.h.
#include "proto/base/base64.h"

#include <algorithm>
#include <array>
#include <cstdint>

namespace ringpost {
namespace {

constexpr std::string_view alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::uint8_t no_digit = 0xff;

constexpr std::array<std::uint8_t, 256> digits = [] {
  std::array<std::uint8_t, 256> result{};
  result.fill(no_digit);
  for (std::size_t i = 0; i < alphabet.size(); ++i)
    result[static_cast<unsigned char>(alphabet[i])] = static_cast<std::uint8_t>(i);
  return result;
}();

std::uint32_t octet(char c) { return static_cast<unsigned char>(c); }

}  // namespace

std::string base64_encode(std::string_view octets) {
  std::string text;
  text.reserve((octets.size() + 2) / 3 * 4);
  for (; !octets.empty(); octets.remove_prefix(std::min<std::size_t>(octets.size(), 3))) {
    std::uint32_t group = octet(octets[0]) << 16;
    if (octets.size() > 1) group |= octet(octets[1]) << 8;
    if (octets.size() > 2) group |= octet(octets[2]);
    text += alphabet[group >> 18];
    text += alphabet[group >> 12 & 63];
    text += octets.size() > 1 ? alphabet[group >> 6 & 63] : '=';
    text += octets.size() > 2 ? alphabet[group & 63] : '=';
  }
  return text;
}

std::optional<std::string> base64_decode(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  std::size_t padding = 0;
  while (padding < 2 && padding < text.size() && text[text.size() - 1 - padding] == '=') ++padding;
  std::string octets;
  octets.reserve(text.size() / 4 * 3);
  std::uint32_t group = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool is_padding = i >= text.size() - padding;
    const std::uint8_t digit = is_padding ? 0 : digits[octet(text[i])];
    if (digit == no_digit) return std::nullopt;
    group = group << 6 | digit;
    if (i % 4 != 3) continue;
    octets += static_cast<char>(group >> 16 & 0xff);
    octets += static_cast<char>(group >> 8 & 0xff);
    octets += static_cast<char>(group & 0xff);
    group = 0;
  }
  const std::string_view surplus = std::string_view(octets).substr(octets.size() - padding);
  if (surplus.find_first_not_of('\0') != surplus.npos) return std::nullopt;
  octets.resize(octets.size() - padding);
  return octets;
}

}  // namespace ringpost
