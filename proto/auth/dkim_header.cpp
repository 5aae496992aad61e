// Fields by name: see dkim_header.h. RFC 6376 5.4.2 (which instance is signed) and 3.7 (the field
// of the signature itself). Nothing here can fail.
#include "proto/auth/dkim_header.h"

#include <algorithm>
#include <numeric>

#include "proto/base/ascii.h"

namespace ringpost::auth {
namespace {

constexpr std::size_t fields_expected = 24;  // of an ordinary message

// Where the field that begins at `at` ends: behind the CRLF that no blank follows.
std::size_t field_end(std::string_view header, std::size_t at) {
  while (true) {
    const std::size_t line = header.find("\r\n", at);
    if (line == std::string_view::npos) return header.size();
    at = line + 2;
    if (at >= header.size() || !ascii::is_blank(header[at])) return at;
  }
}

// RFC 5322 2.2: printable ASCII but for the colon; 4.5: blanks may stand before that.
bool is_field_name(std::string_view name) {
  return !name.empty() && std::ranges::all_of(name, [](char c) { return c > ' ' && c <= '~'; });
}

// Some order of names without their case.
bool comes_before(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return a.size() < b.size();
  return std::ranges::lexicographical_compare(a, b, {}, ascii::to_lower, ascii::to_lower);
}

}  // namespace

MessageHeader::MessageHeader(std::string_view header) {
  fields_.reserve(fields_expected);
  for (std::size_t at = 0; at < header.size();) {
    const std::size_t end = field_end(header, at);
    const std::string_view whole = header.substr(at, end - at);
    at = end;
    const std::size_t colon = whole.find(':');
    if (colon == std::string_view::npos) continue;
    const std::string_view name = ascii::trim(whole.substr(0, colon));
    if (!is_field_name(name) || ascii::is_blank(whole.front())) continue;
    std::string_view value = whole.substr(colon + 1);
    if (value.ends_with("\r\n")) value.remove_suffix(2);
    fields_.push_back({whole, name, value});
  }
  by_name_.resize(fields_.size());
  std::iota(by_name_.begin(), by_name_.end(), std::size_t{0});
  std::ranges::sort(by_name_, [this](std::size_t a, std::size_t b) {
    if (comes_before(fields_[a].name, fields_[b].name)) return true;
    return a < b && !comes_before(fields_[b].name, fields_[a].name);
  });
}

std::span<const std::size_t> MessageHeader::places(std::string_view name) const {
  const auto name_of = [this](std::size_t place) { return fields_[place].name; };
  const auto found = std::ranges::equal_range(by_name_, name, comes_before, name_of);
  return {found.begin(), found.end()};
}

void MessageHeader::append_chosen(std::span<const std::string> names, Canonical form,
                                  std::string& target) const {
  std::vector<std::size_t> used(by_name_.size());  // of each name, where its places begin
  for (const std::string& name : names) {
    const auto all = places(name);
    if (all.empty()) continue;
    std::size_t& taken = used[static_cast<std::size_t>(all.data() - by_name_.data())];
    if (taken == all.size()) continue;
    ++taken;
    append_canonical_field(form, fields_[all[all.size() - taken]].whole, target);
  }
}

std::string canonical_signature_field(const HeaderField& field, std::string_view removed,
                                      Canonical form) {
  const std::size_t before = static_cast<std::size_t>(removed.data() - field.whole.data());
  std::string whole(field.whole.substr(0, before));
  whole += field.whole.substr(before + removed.size());
  std::string text;
  text.reserve(whole.size() + 2);
  append_canonical_field(form, whole, text);
  text.resize(text.size() - 2);  // RFC 6376 3.7: without a line end
  return text;
}

}  // namespace ringpost::auth
