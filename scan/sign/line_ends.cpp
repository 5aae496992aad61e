// Line ends that stand alone: see line_ends.h. RFC 6376 5.3. Two searches, each at the speed of
// memchr.
#include "scan/sign/line_ends.h"

#include <string_view>

namespace ringpost::scan {

void LineEnds::take(Bytes octets) {
  const std::string_view text = text_of(octets);
  if (text.empty() || has_bare_) return;
  has_bare_ = after_cr_ != (text.front() == '\n');
  after_cr_ = text.back() == '\r';
  for (std::size_t at = text.find('\n', 1); at != text.npos && !has_bare_;
       at = text.find('\n', at + 1))
    has_bare_ = text[at - 1] != '\r';
  for (std::size_t at = text.find('\r'); at < text.size() - 1 && !has_bare_;
       at = text.find('\r', at + 1))
    has_bare_ = text[at + 1] != '\n';
}

}  // namespace ringpost::scan
