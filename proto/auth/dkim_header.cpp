// Fields by name: see dkim_header.h. RFC 6376 5.4.2 (which instance is signed) and 3.7 (the field
// of the signature itself). Nothing here can fail.
#include "proto/auth/dkim_header.h"

#include <algorithm>

#include "proto/base/ascii.h"

namespace ringpost::auth {
namespace {

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

}  // namespace

MessageHeader::MessageHeader(std::string_view header) {
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
    places_[ascii::lower(name)].push_back(fields_.size());
    fields_.push_back({whole, name, value});
  }
}

std::span<const std::size_t> MessageHeader::places(const std::string& name) const {
  const auto found = places_.find(name);
  if (found == places_.end()) return {};
  return found->second;
}

void MessageHeader::append_chosen(std::span<const std::string> names, Canonical form,
                                  std::string& target) const {
  std::map<std::string_view, std::size_t> used;
  for (const std::string& name : names) {
    const auto all = places(name);
    std::size_t& taken = used[name];
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
  append_canonical_field(form, whole, text);
  text.resize(text.size() - 2);  // RFC 6376 3.7: without a line end
  return text;
}

}  // namespace ringpost::auth
