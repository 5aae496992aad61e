// LineReader: the lines of a stream, one at a time, for commands that answer line by line. Each is
// kept in memory, up to a bound; what is more of it is read and dropped.
#pragma once

#include <cstddef>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>

namespace ringpost::ctl {

class LineReader {
 public:
  // More than a message in base64 that a server would take.
  static constexpr std::size_t line_octets_max = std::size_t{64} << 20;

  explicit LineReader(std::FILE* in) : in_(in) {}

  // Without its line end; valid until the next call. Nothing at the end of the stream.
  std::optional<std::string_view> next() {
    line_.clear();
    cut_ = false;
    int c = 0;
    while ((c = getc_unlocked(in_)) != EOF && c != '\n') {
      if (line_.size() == line_octets_max)
        cut_ = true;
      else
        line_ += static_cast<char>(c);
    }
    if (c == EOF && line_.empty()) return std::nullopt;
    if (line_.ends_with('\r')) line_.pop_back();
    return line_;
  }
  // The last line was longer than is kept.
  bool is_cut() const { return cut_; }

 private:
  std::FILE* in_;
  std::string line_;
  bool cut_ = false;
};

}  // namespace ringpost::ctl
