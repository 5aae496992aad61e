// Bytes: a view of octets that somebody else owns, valid as long as its documentation says.
// Conversions to and from text live here, so that no other file needs a cast.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

namespace ringpost {

using Bytes = std::span<const std::byte>;
using MutableBytes = std::span<std::byte>;

inline Bytes bytes_of(std::string_view text) {
  return std::as_bytes(std::span<const char>(text.data(), text.size()));
}

inline std::string_view text_of(Bytes octets) {
  return {reinterpret_cast<const char*>(octets.data()), octets.size()};
}

// True when `part` lies wholly inside `whole` (the same memory, not equal contents).
inline bool lies_within(Bytes part, Bytes whole) {
  return part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size();
}

// Appends text to a growing octet buffer.
template <class Container>
void append_text(Container& target, std::string_view text) {
  const Bytes source = bytes_of(text);
  target.insert(target.end(), source.begin(), source.end());
}

}  // namespace ringpost
