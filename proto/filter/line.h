// Lines of smtpd-filters(7) and their fields: cutting them out of what a process writes, bounded;
// taking them apart; and writing values so that none can end its field or its line.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace ringpost::filter {

// Of what a process writes, its end not counted. Our own lines stay below it, too: programs that
// read lines by Go's bufio.Scanner end at longer ones.
inline constexpr std::size_t line_octets_max = 65'535;

// Cuts octets into lines, ended by LF; a CR before it goes, too.
class LineCutter {
 public:
  enum class Status : std::uint8_t { Partial, Line, TooLong };
  struct Taken {
    Status status = Status::Partial;
    std::string_view line;  // without its end; valid until the next call and while the input is
  };
  // Takes at most one line off the front of `octets`. After TooLong nothing more may be asked.
  Taken take(std::string_view& octets);
  bool is_inside_line() const { return !held_.empty() && !line_given_; }

 private:
  std::string held_;
  bool line_given_ = false;  // held_ is the line of the last call
};

// The field before the next '|', which goes too; the whole rest when there is none.
std::string_view take_field(std::string_view& rest);

// A value that is not the last field of its line: '|' and controls become '?'.
void append_field(std::string& out, std::string_view value);
// The last one may hold '|', as addresses and replies do; controls but TAB become '?'.
void append_last_field(std::string& out, std::string_view value);
// 16 hexadecimal digits, as sessions and tokens are written.
void append_number(std::string& out, std::uint64_t number);
// The beginning of a line in quotation marks, for an error.
std::string quoted_line(std::string_view line);

}  // namespace ringpost::filter
