// The header of a message that arrives; see arrival.h.
#include "tools/load/arrival.h"

#include <algorithm>

#include "proto/base/ascii.h"
#include "tools/load/content.h"

namespace ringpost::load {
namespace {

constexpr std::string_view blank_line = "\r\n\r\n";
constexpr std::size_t id_octets_max = 200;

bool is_word(std::string_view text) {
  return !text.empty() && text.size() <= id_octets_max &&
         std::ranges::all_of(text, [](char c) { return c > ' ' && c <= '~'; });
}

}  // namespace

void Arrival::take(Bytes content) {
  if (header_over_) return;
  const std::size_t from = header_.size() - std::min(header_.size(), blank_line.size() - 1);
  header_ += text_of(content).substr(0, header_octets_max - header_.size());
  // A message that begins with its blank line has no header.
  const std::size_t end = header_.starts_with("\r\n") ? 0 : header_.find(blank_line, from);
  if (end != std::string::npos) header_.resize(end == 0 ? 0 : end + 2);
  header_over_ = end != std::string::npos || header_.size() == header_octets_max;
}

std::string_view Arrival::field(std::string_view name) const {
  std::string_view rest = header_;
  while (!rest.empty()) {
    const std::string_view line = rest.substr(0, rest.find("\r\n"));
    rest.remove_prefix(std::min(line.size() + 2, rest.size()));
    if (line.size() > name.size() && line[name.size()] == ':' &&
        ascii::starts_ignoring_case(line, name))
      return ascii::trim(line.substr(name.size() + 1));
  }
  return {};
}

std::string Arrival::id() const {
  std::string_view found = field(id_field);
  if (!is_word(found)) found = field("Message-ID");
  if (found.starts_with('<') && found.ends_with('>')) found = found.substr(1, found.size() - 2);
  return is_word(found) ? std::string(found) : "-";
}

std::optional<Instant> Arrival::sent() const {
  const auto ns = ascii::parse_decimal<std::int64_t>(field(sent_field));
  return ns ? std::optional(Instant{*ns}) : std::nullopt;
}

}  // namespace ringpost::load
