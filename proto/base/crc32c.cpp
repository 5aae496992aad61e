// CRC-32C: see crc32c.h. Pure; cannot fail.
#include "proto/base/crc32c.h"

#include <array>

#if defined(__SSE4_2__)
#include <nmmintrin.h>
#endif

namespace ringpost {
namespace {

[[maybe_unused]] constexpr std::array<std::uint32_t, 256> make_table() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ ((value & 1) ? 0x82f63b78u : 0u);
    table[i] = value;
  }
  return table;
}

}  // namespace

#if defined(__SSE4_2__)
std::uint32_t crc32c(std::uint32_t so_far, Bytes octets) {
  std::uint64_t crc = ~so_far;
  const std::byte* at = octets.data();
  std::size_t left = octets.size();
  for (; left >= 8; left -= 8, at += 8) {
    std::uint64_t word;
    std::memcpy(&word, at, 8);
    crc = _mm_crc32_u64(crc, word);
  }
  auto narrow = static_cast<std::uint32_t>(crc);
  for (; left > 0; --left, ++at) narrow = _mm_crc32_u8(narrow, std::to_integer<unsigned char>(*at));
  return ~narrow;
}
#else
std::uint32_t crc32c(std::uint32_t so_far, Bytes octets) {
  static constexpr auto table = make_table();
  std::uint32_t crc = ~so_far;
  for (std::byte octet : octets)
    crc = (crc >> 8) ^ table[(crc ^ std::to_integer<std::uint32_t>(octet)) & 0xffu];
  return ~crc;
}
#endif

}  // namespace ringpost
