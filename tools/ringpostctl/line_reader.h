// LineReader: the lines of a stream, one at a time, for commands that answer line by line. Each is
// kept in memory whole.
#pragma once

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string_view>

namespace ringpost::ctl {

class LineReader {
 public:
  explicit LineReader(std::FILE* in) : in_(in) {}
  LineReader(const LineReader&) = delete;
  LineReader& operator=(const LineReader&) = delete;
  ~LineReader() { std::free(line_); }

  // Without its line end; valid until the next call. Nothing at the end of the stream.
  std::optional<std::string_view> next() {
    const ssize_t octets = getline(&line_, &room_, in_);
    if (octets < 0) return std::nullopt;
    std::string_view line(line_, static_cast<std::size_t>(octets));
    if (line.ends_with('\n')) line.remove_suffix(1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    return line;
  }

 private:
  std::FILE* in_;
  char* line_ = nullptr;
  std::size_t room_ = 0;
};

}  // namespace ringpost::ctl
