// LineEnds: whether every line of some octets ends with CRLF, and CR and LF stand nowhere else. RFC
// 6376 5.3: what is signed has no others, for a server on the way may make CRLF of them. Cannot
// fail.
#pragma once

#include "proto/base/bytes.h"

namespace ringpost::scan {

class LineEnds {
 public:
  // The next octets, cut anywhere.
  void take(Bytes octets);
  // Of all that was taken: a CR or an LF stands alone.
  bool has_bare() const { return has_bare_ || after_cr_; }

 private:
  bool has_bare_ = false;
  bool after_cr_ = false;
};

}  // namespace ringpost::scan
