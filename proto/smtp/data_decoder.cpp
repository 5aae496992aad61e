// Dot-undoing and line-end checks, 64 octets at a step: three masks tell where CR, LF and dots are,
// and shifts relate them, so that a line costs nothing. Cannot fail.
#include "proto/smtp/data_decoder.h"

#include <algorithm>
#include <bit>
#include <cstring>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "proto/base/check.h"

namespace ringpost::smtp {
namespace {

constexpr std::size_t block_octets = 64;
constexpr std::byte cr{'\r'};
constexpr std::byte lf{'\n'};
constexpr std::byte held_cr[] = {cr};

// Bit i tells about octet i of a block.
struct Masks {
  std::uint64_t cr = 0;
  std::uint64_t lf = 0;
  std::uint64_t dot = 0;
};

#ifdef __SSE2__
Masks masks_of(const std::byte* block) {
  Masks masks;
  for (unsigned part = 0; part < block_octets / 16; ++part) {
    __m128i octets;
    std::memcpy(&octets, block + 16 * part, sizeof octets);
    const auto where = [&](char c) {
      const int bits = _mm_movemask_epi8(_mm_cmpeq_epi8(octets, _mm_set1_epi8(c)));
      return static_cast<std::uint64_t>(static_cast<unsigned>(bits)) << (16 * part);
    };
    masks.cr |= where('\r');
    masks.lf |= where('\n');
    masks.dot |= where('.');
  }
  return masks;
}
#else
Masks masks_of(const std::byte* block) {
  Masks masks;
  for (std::size_t i = 0; i < block_octets; ++i) {
    const std::uint64_t bit = std::uint64_t{1} << i;
    if (block[i] == cr) masks.cr |= bit;
    if (block[i] == lf) masks.lf |= bit;
    if (block[i] == std::byte{'.'}) masks.dot |= bit;
  }
  return masks;
}
#endif

constexpr std::uint64_t bits_below(std::size_t count) {
  return count >= block_octets ? ~std::uint64_t{0} : (std::uint64_t{1} << count) - 1;
}

}  // namespace

// Octets before the first dot at the start of a line, or all of them.
std::size_t DataDecoder::run(Bytes octets, bool dots_matter) {
  std::byte tail[block_octets]{};
  for (std::size_t done = 0; done < octets.size(); done += block_octets) {
    const std::size_t count = std::min(block_octets, octets.size() - done);
    const std::byte* block = octets.data() + done;
    if (count < block_octets) block = std::copy_n(block, count, tail) - count;

    const Masks masks = masks_of(block);
    const std::uint64_t after_cr = masks.cr << 1 | std::uint64_t{after_cr_};
    const std::uint64_t line_end = masks.lf & after_cr;
    const std::uint64_t line_start = line_end << 1 | std::uint64_t{at_line_start_};
    // A bare LF is seen where it stands, a bare CR at the octet after it.
    const std::uint64_t bare = masks.lf ^ after_cr;
    const std::uint64_t dots = masks.dot & line_start & bits_below(count);
    if (dots_matter && dots != 0) {
      const auto position = static_cast<std::size_t>(std::countr_zero(dots));
      bare_seen_ = bare_seen_ || (bare & bits_below(position)) != 0;
      after_cr_ = false;
      at_line_start_ = true;
      return done + position;
    }
    bare_seen_ = bare_seen_ || (bare & bits_below(count)) != 0;
    after_cr_ = (masks.cr >> (count - 1) & 1) != 0;
    at_line_start_ = (line_end >> (count - 1) & 1) != 0;
  }
  return octets.size();
}

DataDecoder::Step DataDecoder::decode(Bytes octets) {
  if (octets.empty()) return {};
  if (dot_ != Dot::None) return after_dot(octets);
  const std::size_t length = run(octets, true);
  if (length == octets.size()) return {length, octets, false};
  // RFC 5321 4.5.2: a dot that begins a line goes, or ends the data.
  dot_ = Dot::Dot;
  at_line_start_ = false;
  return {length + 1, octets.first(length), false};
}

DataDecoder::Step DataDecoder::after_dot(Bytes octets) {
  if (dot_ == Dot::Dot) {
    if (octets.front() == cr) {
      dot_ = Dot::DotCr;
      return {1, {}, false};
    }
    dot_ = Dot::None;
    return decode(octets);
  }
  // RFC 5321 4.1.1.4: CRLF "." CRLF and nothing else.
  dot_ = Dot::None;
  if (octets.front() == lf) return {1, {}, true};
  bare_seen_ = true;
  return {0, held_cr, false};
}

void DataDecoder::check_chunk(Bytes octets) { run(octets, false); }

}  // namespace ringpost::smtp
