// Canonical forms: see canonical.h.
// RFC 6376 3.4.1 and 3.4.2 for header fields; nothing here can fail.
#include "proto/auth/canonical.h"

#include <algorithm>
#include <bit>

#include "proto/base/ascii.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace ringpost::auth {
namespace {

#if defined(__SSE2__)
struct Block {
  __m128i parts[4];
};

// Which of its 64 octets are `c`, from the lowest bit on.
std::uint64_t places_of(char c, const Block& block) {
  const __m128i wanted = _mm_set1_epi8(c);
  std::uint64_t mask = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    const __m128i same = _mm_cmpeq_epi8(block.parts[i], wanted);
    const auto part = static_cast<unsigned>(_mm_movemask_epi8(same));
    mask |= std::uint64_t{part} << (16 * i);
  }
  return mask;
}

// What relaxed forms keep as it is of the 64 octets at `text`: the octets before the first that
// they may not, or as many as can be told without those behind.
std::size_t kept_of_block(const char* text, bool in_field) {
  constexpr std::size_t known = 62;  // what is kept depends on the next two octets
  Block octets;
  std::memcpy(&octets, text, sizeof octets);
  const std::uint64_t blanks = places_of(' ', octets), tabs = places_of('\t', octets);
  const std::uint64_t crs = places_of('\r', octets), lfs = places_of('\n', octets);
  const std::uint64_t others = tabs | crs | (in_field ? lfs : 0);
  // A single blank between two other octets stays.
  std::uint64_t stops = tabs | (blanks & ((blanks | others) >> 1));
  // So does a line end, when the next line begins with neither: it is no fold of a field, and no
  // line end behind the last line.
  if (in_field)
    stops |= crs | lfs;
  else
    stops |= crs & ~(lfs >> 1 & ~((blanks | others) >> 2));
  return std::min(known, static_cast<std::size_t>(std::countr_zero(stops)));
}
#endif

// Where a run ends that relaxed forms keep as it is. It begins and ends with content.
template <bool in_field>
std::size_t run_of(std::string_view text) {
  std::size_t at = 0;
#if defined(__SSE2__)
  while (at + 64 <= text.size()) {
    const std::size_t kept = kept_of_block(text.data() + at, in_field);
    at += kept;
    if (kept < 62) return at;
  }
#endif
  const auto ends_run = [](char c) {
    return ascii::is_blank(c) || c == '\r' || (in_field && c == '\n');
  };
  while (at < text.size() && !ends_run(text[at])) ++at;
  return at;
}

std::size_t field_run(std::string_view text) { return run_of<true>(text); }

// RFC 6376 3.4.2: the name in lower case, no blanks around the colon, folds undone, every run of
// blanks one, none at the end.
void append_relaxed_field(std::string_view field, std::string& target) {
  const std::size_t colon = std::min(field.find(':'), field.size());
  std::string_view name = ascii::trim(field.substr(0, colon));
  for (const char c : name) target += ascii::to_lower(c);
  target += ':';
  bool blank_waits = false, begun = false;
  std::string_view rest = field.substr(std::min(colon + 1, field.size()));
  while (!rest.empty()) {
    const char c = rest.front();
    if (c == '\r' || c == '\n' || ascii::is_blank(c)) {
      blank_waits |= ascii::is_blank(c);
      rest.remove_prefix(1);
      continue;
    }
    const std::size_t octets = field_run(rest);
    if (blank_waits && begun) target += ' ';
    blank_waits = false;
    begun = true;
    target += rest.substr(0, octets);
    rest.remove_prefix(octets);
  }
  target += "\r\n";
}

}  // namespace

std::string_view to_text(Canonical form) {
  return form == Canonical::Simple ? "simple" : "relaxed";
}

void append_canonical_field(Canonical form, std::string_view field, std::string& target) {
  if (form == Canonical::Relaxed) return append_relaxed_field(field, target);
  target += field;
  if (!field.ends_with("\r\n")) target += "\r\n";
}

std::size_t plain_run(std::string_view text) { return run_of<false>(text); }

}  // namespace ringpost::auth
