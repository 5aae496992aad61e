// Lines and fields: see line.h.
#include "proto/filter/line.h"

#include <algorithm>

#include "proto/base/ascii.h"

namespace ringpost::filter {
namespace {

constexpr std::size_t quoted_octets_max = 80;

std::string_view without_cr(std::string_view line) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

// Runs of good octets at once: nearly all values are one.
template <class IsBad>
void append_clean(std::string& out, std::string_view value, IsBad is_bad) {
  const std::size_t start = out.size();
  out += value;
  std::replace_if(out.begin() + static_cast<std::ptrdiff_t>(start), out.end(), is_bad, '?');
}

}  // namespace

LineCutter::Taken LineCutter::take(std::string_view& octets) {
  if (line_given_) held_.clear();
  line_given_ = false;
  const std::size_t end = octets.find('\n');
  const std::string_view part = octets.substr(0, end);
  octets.remove_prefix(end == std::string_view::npos ? octets.size() : end + 1);
  if (held_.size() + part.size() > line_octets_max) return {Status::TooLong, {}};
  if (end == std::string_view::npos) {
    held_ += part;
    return {};
  }
  if (held_.empty()) return {Status::Line, without_cr(part)};
  held_ += part;
  line_given_ = true;
  return {Status::Line, without_cr(held_)};
}

std::string_view take_field(std::string_view& rest) {
  const std::size_t bar = rest.find('|');
  const std::string_view field = rest.substr(0, bar);
  rest.remove_prefix(bar == std::string_view::npos ? rest.size() : bar + 1);
  return field;
}

void append_field(std::string& out, std::string_view value) {
  append_clean(out, value, [](char c) { return c == '|' || ascii::is_control(c); });
}

void append_last_field(std::string& out, std::string_view value) {
  append_clean(out, value, [](char c) { return c != '\t' && ascii::is_control(c); });
}

void append_number(std::string& out, std::uint64_t number) {
  constexpr std::string_view digits = "0123456789abcdef";
  for (int shift = 60; shift >= 0; shift -= 4) out += digits[number >> shift & 15];
}

std::string quoted_line(std::string_view line) {
  std::string text = "\"";
  append_last_field(text, line.substr(0, quoted_octets_max));
  text += line.size() > quoted_octets_max ? "…\"" : "\"";
  return text;
}

}  // namespace ringpost::filter
