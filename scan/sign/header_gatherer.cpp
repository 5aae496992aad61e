// The header ends at the first empty line: see header_gatherer.h. RFC 5322 2.1. Cannot fail.
#include "scan/sign/header_gatherer.h"

#include <algorithm>

namespace ringpost::scan {
namespace {

constexpr std::string_view end_mark = "\r\n\r\n";

}  // namespace

Bytes HeaderGatherer::take(Bytes octets) {
  if (complete_) return octets;
  const std::string_view text = text_of(octets);
  std::size_t at = 0;
  while (at < text.size() && matched_ < end_mark.size()) {
    if (matched_ == 0) {
      at = std::min(text.find('\r', at), text.size());
      if (at == text.size()) break;
    }
    const char c = text[at++];
    if (c == end_mark[matched_])
      ++matched_;
    else
      matched_ = c == '\r' ? 1 : 0;
  }
  keep(text.substr(0, at));
  if (matched_ < end_mark.size()) return {};
  complete_ = true;
  if (!cut_) header_.resize(header_.size() - 2);
  return octets.subspan(at);
}

void HeaderGatherer::keep(std::string_view text) {
  if (cut_) return;
  std::size_t kept = std::min(text.size(), header_octets_max - header_.size());
  if (lines_ >= header_lines_max) kept = 0;
  for (std::size_t end = text.find('\n'); end < kept; end = text.find('\n', end + 1))
    if (++lines_ == header_lines_max) kept = end + 1;
  cut_ = kept < text.size();
  header_ += text.substr(0, kept);
}

}  // namespace ringpost::scan
