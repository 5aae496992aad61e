// The content of a message as DATA carries it: dots stuffed, the end marked (RFC
// 5321 4.5.2, 4.1.1.4). Works on slices: the output names ranges of the input and of static
// storage, nothing is copied. Cannot fail: an octet that DATA may not carry (a stray CR or LF)
// leaves as a blank.
#pragma once

#include <vector>

#include "proto/base/bytes.h"

namespace ringpost::smtp {

// One encoder per message. The pieces, in order, are what goes to the peer; those that are not
// slices of the octets given are in static storage. The result is the same however the content is
// cut.
class DataEncoder {
 public:
  // Appends to `pieces` what `content`, the next octets of the message, becomes.
  void encode(Bytes content, std::vector<Bytes>& pieces);
  // Ends the last line if need be and appends the end of mail data. Nothing may follow.
  void finish(std::vector<Bytes>& pieces);

 private:
  enum class Place { LineStart, InLine, AfterReturn };

  Place place_ = Place::LineStart;
};

}  // namespace ringpost::smtp
