// Command lines out of a stream: RFC 5321 2.3.8 (CRLF only), 4.5.3.1.4 (a limit). Cannot fail.
#include "proto/smtp/line_reader.h"

#include <algorithm>
#include <cstring>

#include "proto/base/secret.h"

namespace ringpost::smtp {
namespace {

// Octets up to and with the first LF that follows a CR, or 0 when there is none.
std::size_t line_octets(Bytes octets, bool last_was_cr) {
  for (std::size_t from = 0; from < octets.size();) {
    const void* found = std::memchr(octets.data() + from, '\n', octets.size() - from);
    if (found == nullptr) return 0;
    const auto at = static_cast<std::size_t>(static_cast<const std::byte*>(found) - octets.data());
    if (at == 0 ? last_was_cr : octets[at - 1] == std::byte{'\r'}) return at + 1;
    from = at + 1;
  }
  return 0;
}

}  // namespace

// What a string leaves behind when it grows may be half a password.
void LineReader::hold(std::string_view part) {
  if (held_.size() + part.size() > held_.capacity()) {
    std::string longer;
    longer.reserve(std::max(2 * held_.capacity(), held_.size() + part.size()));
    longer = held_;
    wipe(held_.data(), held_.size());
    held_.swap(longer);
  }
  held_ += part;
}

void LineReader::forget_line() { wipe(held_.data(), held_.size()); }

LineReader::Taken LineReader::take(Bytes octets, std::size_t octets_max) {
  if (line_given_) {
    std::string().swap(held_);
    line_given_ = false;
  }
  const std::size_t length = line_octets(octets, last_was_cr_);
  const Bytes part = length == 0 ? octets : octets.first(length);
  if (part.empty()) return {};
  last_was_cr_ = part.back() == std::byte{'\r'};

  overflowed_ = overflowed_ || held_.size() + part.size() > octets_max;
  if (overflowed_) {
    std::string().swap(held_);
    if (length == 0) return {part.size(), Status::Partial, {}};
    overflowed_ = false;
    return {part.size(), Status::TooLong, {}};
  }
  if (length != 0 && held_.empty()) return {length, Status::Line, text_of(part.first(length - 2))};
  hold(text_of(part));
  if (length == 0) return {part.size(), Status::Partial, {}};
  line_given_ = true;
  return {length, Status::Line, std::string_view(held_).substr(0, held_.size() - 2)};
}

}  // namespace ringpost::smtp
