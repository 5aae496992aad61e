// TagList: "name=value; name=value", as DKIM, ARC and DMARC write what they say. RFC 6376 3.2. A
// list that breaks the syntax is refused whole, with the reason.
#pragma once

#include <cstddef>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ringpost::auth {

// More are a list that nobody writes in earnest.
inline constexpr std::size_t tags_max = 100;

struct Tag {
  std::string_view name;   // case counts
  std::string_view value;  // without the blanks and folds around it; those inside are still there
  std::string_view raw;    // the same with the blanks and folds around it
};

// Views into the text that was parsed.
class TagList {
 public:
  // The error is static text.
  static std::expected<TagList, std::string_view> parse(std::string_view text);

  // The value.
  std::optional<std::string_view> find(std::string_view name) const;
  // Null: it is not there.
  const Tag* tag(std::string_view name) const;
  const std::vector<Tag>& tags() const { return tags_; }

 private:
  std::vector<Tag> tags_;
};

// Folding white space: a blank or an octet of a line end.
constexpr bool is_folding(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }
std::string_view trim_folding(std::string_view text);
std::string without_folding(std::string_view text);

// base64 with folds anywhere in it (RFC 6376 2.10). Missing padding is nothing, as is an empty
// text.
std::optional<std::string> decode_folded_base64(std::string_view text);

// Whether `word` is among those of a list separated by colons, with folds around them.
bool list_contains(std::string_view list, std::string_view word);

}  // namespace ringpost::auth
