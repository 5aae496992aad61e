// Cuts what arrives into command lines, ended by CRLF and by nothing else (RFC 5321 2.3.8).
// A line that came whole is a view of the input; only the part of one is copied. Bounded by
// octets_max.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "proto/base/bytes.h"

namespace ringpost::smtp {

class LineReader {
 public:
  enum class Status : unsigned char { Partial, Line, TooLong };
  struct Taken {
    std::size_t octets = 0;  // of the input, to be passed over
    Status status = Status::Partial;
    std::string_view line;  // without CRLF; valid until the next call and while the input is
  };

  // Takes at most one line. `octets_max` counts the CRLF; a longer line is passed over to its CRLF,
  // and then reported as TooLong.
  Taken take(Bytes octets, std::size_t octets_max);

  // Overwrites the line of the last call, as far as it was copied: it held a password.
  void forget_line();

  // True when part of a line has been taken.
  bool is_inside_line() const { return !held_.empty() || overflowed_; }

 private:
  void hold(std::string_view part);

  std::string held_;
  bool line_given_ = false;  // held_ is the line of the last call
  bool overflowed_ = false;
  bool last_was_cr_ = false;
};

}  // namespace ringpost::smtp
