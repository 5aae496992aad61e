// Cleaner: chooses the segment whose survivors are worth copying elsewhere. Pure. The owner copies
// the content of those messages that lies there through the LogWriter and appends their Envelopes
// with generation + 1; when they are durable, Index::next_freeable() gives the segment.
#pragma once

#include <cstdint>
#include <optional>
#include <set>

#include "store/spool/index.h"

namespace ringpost::store {

struct CleanerLimits {
  // Below this number of free segments the cheapest segment is cleaned, whatever it costs; keep at
  // least one free per log for the cleaner itself.
  std::uint32_t free_segments_min = 4;
  // A segment whose live share is at most this is cleaned even when there is room.
  std::uint32_t live_percent_max = 10;
};

// The sealed segment of ours with live octets in it that gives most room for least copying, if
// cleaning is due. Segments that merely wait for it to be freed count as its gain.
// Those in `put_off` are not considered.
std::optional<SegmentId> choose_to_clean(const Index& index, std::uint32_t free_segments,
                                         std::uint32_t segment_octets, const CleanerLimits& limits,
                                         const std::set<SegmentId>& put_off = {});

}  // namespace ringpost::store
