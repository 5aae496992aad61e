// HeaderGatherer: takes the header off the front of content that comes in pieces, cut anywhere, and
// gives the rest as the body. RFC 5322 2.1. Bounded: a header that is too large is kept up to the
// bound, and known to be cut.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "proto/base/bytes.h"

namespace ringpost::scan {

inline constexpr std::size_t header_octets_max = std::size_t{512} << 10;
// Each field costs whoever looks at the header many times its octets.
inline constexpr std::size_t header_lines_max = 5000;

class HeaderGatherer {
 public:
  // What of these octets is body; empty while the header goes on.
  Bytes take(Bytes octets);

  // False until the empty line was seen. At the end of content without one all of it is header.
  bool is_complete() const { return complete_; }
  bool is_cut() const { return cut_; }
  // With the line end of its last field, without the empty line. Stays where it is once the header
  // is complete, or content has ended.
  std::string_view header() const { return header_; }

 private:
  void keep(std::string_view text);

  std::string header_;
  std::size_t lines_ = 0;    // of it
  std::size_t matched_ = 2;  // octets of CRLF CRLF; a line end seems to stand before the content
  bool complete_ = false, cut_ = false;
};

}  // namespace ringpost::scan
