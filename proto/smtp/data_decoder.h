// The content of a message as DATA and BDAT bring it: dots undone, line ends strict (RFC
// 5321 2.3.8, 4.1.1.4, 4.5.2; RFC 3030). Only CRLF ends a line, only CRLF "." CRLF the data; a bare
// CR or LF ends nothing, so that no two servers can disagree about where a message ends
// ("smuggling"). Cannot fail; it tells what it saw.
#pragma once

#include <cstddef>
#include <cstdint>

#include "proto/base/bytes.h"

namespace ringpost::smtp {

// What becomes of content with a bare CR or LF: the message is refused at its end, or the octet is
// content.
enum class BareLineEnds : std::uint8_t { Refuse, Keep };

class DataDecoder {
 public:
  struct Step {
    std::size_t octets = 0;  // of the input, to be passed over
    Bytes content;           // a slice of the input, or of static storage (one CR); may be empty
    bool ended = false;      // the end of the data lies just before input[octets]
  };

  // Begins a new content.
  void restart() { *this = {}; }

  // One step through DATA. Passes over at least one octet of a non-empty input, except when it
  // gives a CR that was held back. Not to be called after a step that ended.
  Step decode(Bytes octets);

  // The same for a part of a BDAT chunk, where every octet is content; only looks at line ends.
  void check_chunk(Bytes octets);

  // A bare CR or LF has been seen; `at_end`: nothing follows, so that a CR at the end is bare too.
  bool bare_line_end_seen(bool at_end = false) const { return bare_seen_ || (at_end && after_cr_); }

 private:
  enum class Dot : std::uint8_t { None, Dot, DotCr };

  std::size_t run(Bytes octets, bool dots_matter);
  Step after_dot(Bytes octets);

  bool after_cr_ = false;
  bool at_line_start_ = true;
  bool bare_seen_ = false;
  Dot dot_ = Dot::None;
};

}  // namespace ringpost::smtp
