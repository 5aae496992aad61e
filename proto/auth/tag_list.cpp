// Reading tag lists, RFC 6376 3.2: tag-name "=" tag-value, separated by ";", the last one optional.
// What is refused is said in one static sentence.
#include "proto/auth/tag_list.h"

#include <algorithm>

#include "proto/base/ascii.h"
#include "proto/base/base64.h"

namespace ringpost::auth {
namespace {

constexpr std::size_t tags_expected = 16;

bool is_name(std::string_view text) {
  return !text.empty() && ascii::is_alpha(text.front()) &&
         std::ranges::all_of(text, [](char c) { return ascii::is_alnum(c) || c == '_'; });
}

// tval: printable but for ";", with folds inside; RFC 8616 adds what is not ASCII.
// Looks at all of it, which is done many octets at a time.
bool is_value(std::string_view text) {
  unsigned char bad = 0;
  for (const char c : text) {
    const auto octet = static_cast<unsigned char>(c);
    const unsigned char control = octet < 0x20 || octet == 0x7f ? 1 : 0;
    const unsigned char folds = octet == '\t' || octet == '\r' || octet == '\n' ? 1 : 0;
    bad = static_cast<unsigned char>(bad | (control & ~folds));
  }
  return bad == 0;
}

}  // namespace

std::expected<TagList, std::string_view> TagList::parse(std::string_view text) {
  TagList list;
  list.tags_.reserve(tags_expected);
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find(';', at), text.size());
    const std::string_view spec = text.substr(at, end - at);
    const std::size_t equals = spec.find('=');
    if (equals == std::string_view::npos) {
      const bool is_last = end == text.size() && !list.tags_.empty();
      if (is_last && trim_folding(spec).empty()) return list;
      return std::unexpected("a tag without \"=\"");
    }
    const std::string_view name = trim_folding(spec.substr(0, equals));
    const std::string_view value = trim_folding(spec.substr(equals + 1));
    if (!is_name(name)) return std::unexpected("an invalid tag name");
    if (!is_value(value)) return std::unexpected("an invalid tag value");
    if (list.tag(name) != nullptr) return std::unexpected("a tag that stands there twice");
    if (list.tags_.size() == tags_max) return std::unexpected("too many tags");
    list.tags_.push_back({name, value, spec.substr(equals + 1)});
    at = end + 1;
  }
  return list;
}

std::optional<std::string_view> TagList::find(std::string_view name) const {
  const Tag* found = tag(name);
  if (found == nullptr) return std::nullopt;
  return found->value;
}

const Tag* TagList::tag(std::string_view name) const {
  // Names differ early: no call to compare most of them.
  for (const Tag& tag : tags_)
    if (tag.name.size() == name.size() && tag.name.front() == name.front() && tag.name == name)
      return &tag;
  return nullptr;
}

std::string_view trim_folding(std::string_view text) {
  while (!text.empty() && is_folding(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_folding(text.back())) text.remove_suffix(1);
  return text;
}

std::string without_folding(std::string_view text) {
  std::string result(text.size(), '\0');
  std::size_t used = 0;
  for (const char c : text) {  // most are kept: no branch, and no look at the room for each
    result[used] = c;
    used += is_folding(c) ? 0 : 1;
  }
  result.resize(used);
  return result;
}

std::optional<std::string> decode_folded_base64(std::string_view text) {
  const std::string plain = without_folding(text);
  if (plain.empty()) return std::nullopt;
  return base64_decode(plain);
}

bool list_contains(std::string_view list, std::string_view word) {
  for (std::size_t at = 0; at <= list.size();) {
    const std::size_t end = std::min(list.find(':', at), list.size());
    if (ascii::equal_ignoring_case(trim_folding(list.substr(at, end - at)), word)) return true;
    at = end + 1;
  }
  return false;
}

}  // namespace ringpost::auth
