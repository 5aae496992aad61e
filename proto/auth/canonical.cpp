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

// RFC 6376 3.4.2: the name in lower case, no blanks around the colon, folds undone, every run of
// blanks one, none at the end.
void append_relaxed_field(std::string_view field, std::string& target) {
  const std::size_t colon = std::min(field.find(':'), field.size());
  std::string_view name = ascii::trim(field.substr(0, colon));
  for (const char c : name) target += ascii::to_lower(c);
  target += ':';
  bool blank_waits = false, begun = false;
  for (const char c : field.substr(std::min(colon + 1, field.size()))) {
    if (c == '\r' || c == '\n') continue;
    if (ascii::is_blank(c)) {
      blank_waits = true;
      continue;
    }
    if (blank_waits && begun) target += ' ';
    blank_waits = false;
    begun = true;
    target += c;
  }
  target += "\r\n";
}

bool ends_run(char c) { return ascii::is_blank(c) || c == '\r'; }

}  // namespace

std::string_view to_text(Canonical form) {
  return form == Canonical::Simple ? "simple" : "relaxed";
}

void append_canonical_field(Canonical form, std::string_view field, std::string& target) {
  if (form == Canonical::Relaxed) return append_relaxed_field(field, target);
  target += field;
  if (!field.ends_with("\r\n")) target += "\r\n";
}

#if defined(__SSE2__)
std::size_t plain_run(std::string_view text) {
  // A single blank between two other octets stays as it is, so a run may hold such ones.
  const __m128i blank = _mm_set1_epi8(' '), tab = _mm_set1_epi8('\t');
  const __m128i cr = _mm_set1_epi8('\r');
  std::size_t at = 0;
  while (at + 16 <= text.size()) {
    __m128i octets;
    std::memcpy(&octets, text.data() + at, sizeof octets);
    const auto mask_of = [&](__m128i what) {
      return static_cast<unsigned>(_mm_movemask_epi8(_mm_cmpeq_epi8(octets, what)));
    };
    const unsigned blanks = mask_of(blank), others = mask_of(tab) | mask_of(cr);
    // A blank is good unless a blank, a tab or a CR follows, or nobody knows what does.
    const unsigned bad_blanks = blanks & (((blanks | others) >> 1) | 0x8000u);
    const unsigned stops = others | bad_blanks;
    if (stops != 0) return at + static_cast<std::size_t>(std::countr_zero(stops));
    at += 16;
  }
  while (at < text.size() && !ends_run(text[at])) ++at;
  return at;
}
#else
std::size_t plain_run(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size() && !ends_run(text[at])) ++at;
  return at;
}
#endif

}  // namespace ringpost::auth
