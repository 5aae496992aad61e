// LineEndFold: content with CRLF line ends becomes text with LF, as files of a Unix mailbox have
// it. A CR that no LF follows stays; however the content is cut, the result is the same. Cannot
// fail.
#pragma once

#include <string>

#include "proto/base/bytes.h"

namespace ringpost::mail {

class LineEndFold {
 public:
  // Appends the folded form of the next octets to `target`; a CR at their end waits for what
  // follows.
  void fold(Bytes octets, std::string& target);
  // At the end of the content: a CR that waited is an octet of it.
  void finish(std::string& target);

 private:
  bool cr_waits_ = false;
};

}  // namespace ringpost::mail
