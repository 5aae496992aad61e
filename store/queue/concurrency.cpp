// Concurrency: see concurrency.h. The measure of failure is the window (what Postfix calls a
// pseudo-cohort): one failed connection of a window of ten says a tenth of what one of one says.
#include "store/queue/concurrency.h"

#include <algorithm>

namespace ringpost::store {

void Concurrency::succeeded(std::uint16_t in_use, std::uint16_t most) {
  failed_windows_ = 0;
  pauses_ = 0;
  const auto limit = static_cast<float>(most);
  // What is not used says nothing about what the destination would bear.
  if (in_use + 1 >= window()) window_ += window_ < careful_from_ ? 1 : 1 / window_;
  window_ = std::clamp<float>(window_, 1, std::max<float>(1, std::min(limit, window_limit)));
}

bool Concurrency::failed() {
  // A sum of fractions such as 1/3 may fall short of the whole by a little.
  failed_windows_ += 1 / window_ + 0.001F;
  careful_from_ = std::max<float>(1, window_ / 2);
  window_ = std::max<float>(1, window_ - 1);
  if (failed_windows_ < 1) return false;
  failed_windows_ = 0;
  window_ = 1;
  if (pauses_ < 0xff) ++pauses_;
  return true;
}

}  // namespace ringpost::store
