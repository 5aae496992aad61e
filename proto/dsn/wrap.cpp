// Printable, wrapped text: see wrap.h.
#include "proto/dsn/wrap.h"

#include "proto/base/ascii.h"
#include "proto/mail/safe_text.h"

namespace ringpost::dsn {
namespace {

constexpr std::size_t columns_max = 76;
// A single word is broken there: 998 octets is the most that a line may hold. RFC 5322 2.1.1
constexpr std::size_t word_octets_max = 900;

// So many octets of `word` that no UTF-8 sequence is cut.
std::size_t cut_of(std::string_view word) {
  if (word.size() <= word_octets_max) return word.size();
  std::size_t cut = word_octets_max;
  while (cut > word_octets_max - 4 && (static_cast<unsigned char>(word[cut]) & 0xc0u) == 0x80u)
    --cut;
  return cut;
}

}  // namespace

std::string printable(std::string_view text, bool utf8_allowed) {
  std::string result;
  result.reserve(text.size());
  mail::append_replacing(result, text, utf8_allowed,
                         [](char c) { return c == '\t' || !ascii::is_control(c); });
  return result;
}

void append_wrapped(std::string& target, std::string_view text, std::size_t column,
                    std::string_view indent) {
  bool first = true;
  while (true) {
    while (!text.empty() && ascii::is_blank(text.front())) text.remove_prefix(1);
    if (text.empty()) return;
    const std::string_view word = text.substr(0, cut_of(text.substr(0, text.find_first_of(" \t"))));
    text.remove_prefix(word.size());
    const bool fits = column + 1 + word.size() <= columns_max;
    if (!first && fits) {
      target += ' ';
      ++column;
    } else if (!first) {
      target += "\r\n";
      target += indent;
      column = indent.size();
    }
    target += word;
    column += word.size();
    first = false;
  }
}

}  // namespace ringpost::dsn
