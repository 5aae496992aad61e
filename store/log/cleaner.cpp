// Cleaner: see cleaner.h. Pure; gives nothing when copying would gain nothing.
#include "store/log/cleaner.h"

namespace ringpost::store {

std::optional<SegmentId> choose_to_clean(const Index& index, std::uint32_t free_segments,
                                         std::uint32_t segment_octets, const CleanerLimits& limits,
                                         const std::set<SegmentId>& put_off) {
  std::optional<SegmentId> best;
  double best_cost = 0;  // octets copied for each octet that comes free
  for (const Index::SegmentFigures& segment : index.figures()) {
    if (!segment.owned || !segment.sealed || segment.live_octets == 0) continue;
    if (segment.live_octets >= segment_octets || put_off.contains(segment.segment)) continue;
    const bool sparse =
        segment.live_octets * 100 <= std::uint64_t{segment_octets} * limits.live_percent_max;
    if (free_segments >= limits.free_segments_min && !sparse) continue;
    const std::uint64_t gain =
        segment_octets - segment.live_octets + std::uint64_t{segment.relied_on_by} * segment_octets;
    const double cost = static_cast<double>(segment.live_octets) / static_cast<double>(gain);
    if (best && cost >= best_cost) continue;
    best = segment.segment;
    best_cost = cost;
  }
  return best;
}

}  // namespace ringpost::store
