// Folding line ends: see line_ends.h.
#include "proto/mail/line_ends.h"

namespace ringpost::mail {

void LineEndFold::fold(Bytes octets, std::string& target) {
  std::string_view rest = text_of(octets);
  if (rest.empty()) return;
  if (cr_waits_ && rest.front() != '\n') target += '\r';
  cr_waits_ = false;
  while (!rest.empty()) {
    const std::size_t cr = rest.find('\r');
    target += rest.substr(0, cr);
    if (cr == std::string_view::npos) return;
    rest.remove_prefix(cr + 1);
    if (rest.empty()) {
      cr_waits_ = true;
    } else if (rest.front() != '\n') {
      target += '\r';
    }
  }
}

void LineEndFold::finish(std::string& target) {
  if (cr_waits_) target += '\r';
  cr_waits_ = false;
}

}  // namespace ringpost::mail
