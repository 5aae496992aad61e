// Content-Type: see content_type.h. Pull parsing of RFC 2045 5.1 and RFC 5322 3.2.2.
#include "proto/mail/content_type.h"

#include <algorithm>
#include <utility>

#include "proto/base/ascii.h"

namespace ringpost::mail {
namespace {

constexpr std::size_t boundary_octets_max = 70;  // RFC 2046 5.1.1

bool is_token_octet(char c) {
  return c > ' ' && c < '\x7f' && !std::string_view("()<>@,;:\\\"/[]?=").contains(c);
}

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  bool at_end() {
    skip();
    return text_.empty();
  }
  bool take(char c) {
    skip();
    if (!text_.starts_with(c)) return false;
    text_.remove_prefix(1);
    return true;
  }
  std::string token() {
    skip();
    const auto end = std::ranges::find_if_not(text_, is_token_octet);
    std::string result(text_.begin(), end);
    text_.remove_prefix(result.size());
    return result;
  }
  // A token or a quoted string; nothing when it is neither.
  std::optional<std::string> value() {
    skip();
    if (!text_.starts_with('"')) {
      // Many write values as words that should be quoted.
      const auto end = std::ranges::find_if(text_, [](char c) { return is_blank(c) || c == ';'; });
      std::string word(text_.begin(), end);
      text_.remove_prefix(word.size());
      return word.empty() ? std::nullopt : std::optional(std::move(word));
    }
    text_.remove_prefix(1);
    std::string result;
    while (!text_.empty()) {
      char c = take_octet();
      if (c == '"') return result;
      if (c == '\\' && !text_.empty()) c = take_octet();
      if (c != '\r' && c != '\n') result += c;
    }
    return std::nullopt;
  }

 private:
  char take_octet() {
    const char c = text_.front();
    text_.remove_prefix(1);
    return c;
  }
  // Blanks and comments.
  void skip() {
    unsigned depth = 0;
    while (!text_.empty()) {
      const char c = text_.front();
      if (depth == 0 && !is_blank(c) && c != '(') return;
      if (c == '\\' && depth > 0 && text_.size() > 1) text_.remove_prefix(1);
      if (c == '(') ++depth;
      if (c == ')') --depth;
      text_.remove_prefix(1);
    }
  }

  std::string_view text_;
};

bool is_boundary(std::string_view text) {
  return !text.empty() && text.size() <= boundary_octets_max && !text.ends_with(' ') &&
         std::ranges::all_of(text, [](char c) { return c >= ' ' && c < '\x7f'; });
}

}  // namespace

std::optional<ContentType> parse_content_type(std::string_view value) {
  Reader reader(value);
  ContentType result;
  result.type = ascii::lower(reader.token());
  if (result.type.empty() || !reader.take('/')) return std::nullopt;
  result.subtype = ascii::lower(reader.token());
  if (result.subtype.empty()) return std::nullopt;
  bool has_boundary = false;
  while (reader.take(';')) {
    if (reader.at_end()) break;
    const std::string name = ascii::lower(reader.token());
    if (name.empty() || !reader.take('=')) return std::nullopt;
    auto text = reader.value();
    if (!text) return std::nullopt;
    if (name != "boundary") continue;
    if (std::exchange(has_boundary, true)) return std::nullopt;  // which one?
    if (is_boundary(*text)) result.boundary = std::move(*text);
  }
  if (!reader.at_end()) return std::nullopt;
  return result;
}

std::string parse_transfer_encoding(std::string_view value) {
  Reader reader(value);
  std::string word = ascii::lower(reader.token());
  return reader.at_end() ? word : std::string();
}

}  // namespace ringpost::mail
