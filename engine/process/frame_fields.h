// What the encoders and decoders between our processes share: a sink whose size is not known
// before, and fields that the system's calls may be given.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "proto/base/wire.h"

namespace ringpost::process {

// The counterpart of FieldWriter for frames.
struct StringSink {
  std::string octets;
  void put(Bytes field) { octets += text_of(field); }
};

template <class Enum>
void put_kind(StringSink& sink, Enum kind) {
  put_fixed(sink, static_cast<std::uint8_t>(kind));
}

inline void put_texts(StringSink& sink, const std::vector<std::string>& texts) {
  put_number(sink, static_cast<std::uint32_t>(texts.size()));
  for (const std::string& text : texts) put_text(sink, text);
}

// The system's calls end a text at its first NUL, so one that holds a NUL would name something else
// than was checked.
inline std::string take_text(FieldReader& in, std::size_t octets_max) {
  std::string text = in.text(static_cast<std::uint32_t>(octets_max));
  in.require(text.find('\0') == std::string::npos);
  return text;
}

inline std::string take_absolute_path(FieldReader& in, std::size_t octets_max) {
  std::string path = take_text(in, octets_max);
  in.require(path.starts_with('/'));
  return path;
}

// A user's name becomes the name of a file.
inline bool is_file_name(std::string_view name) {
  return !name.empty() && !name.starts_with('.') && name.find('/') == std::string_view::npos;
}

// All of it was read, and nothing was wrong.
template <class Value>
std::optional<Value> taken(const FieldReader& in, Value value) {
  if (!in.ok() || !in.at_end()) return std::nullopt;
  return value;
}

}  // namespace ringpost::process
