// Quantiles of a log-linear histogram.
#include "engine/observe/counter.h"

#include <numeric>

namespace ringpost::observe {

std::uint64_t quantile(const Histogram::Buckets& buckets, unsigned permille) {
  const std::uint64_t records = std::accumulate(buckets.begin(), buckets.end(), std::uint64_t{0});
  if (records == 0) return 0;
  // The rank of the record sought, counted from 1; 128 bits, since counts are never reset.
  const auto product = static_cast<unsigned __int128>(records) * permille;
  const auto rank = std::max<std::uint64_t>(1, static_cast<std::uint64_t>((product + 999) / 1000));
  std::uint64_t so_far = 0;
  for (std::size_t i = 0; i < buckets.size(); ++i) {
    so_far += buckets[i];
    if (so_far >= rank) return Histogram::upper_end(i);
  }
  return Histogram::upper_end(buckets.size() - 1);
}

}  // namespace ringpost::observe
