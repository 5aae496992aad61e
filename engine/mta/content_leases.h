// ContentLeases: keeps segments alive that one task needs: those in which a message has content
// that no durable Envelope names yet, or those of a message that may be done with, or moved,
// meanwhile. The leases go back when it is destroyed. Owner: one core.
#pragma once

#include <algorithm>
#include <vector>

#include "store/spool/index.h"

namespace ringpost::mta {

class ContentLeases {
 public:
  explicit ContentLeases(store::Index& index) : index_(index) {}
  ContentLeases(const ContentLeases&) = delete;
  ContentLeases& operator=(const ContentLeases&) = delete;
  ~ContentLeases() {
    for (const store::SegmentId segment : held_) index_.return_lease(segment);
  }

  void hold(store::SegmentId segment) {
    if (std::ranges::find(held_, segment) != held_.end()) return;
    index_.lease(segment);
    held_.push_back(segment);
  }
  void hold_all(const std::vector<store::SegmentUse>& uses) {
    for (const store::SegmentUse& use : uses) hold(use.segment);
  }
  // To be called after every append: content goes on at the end of the last extent, or in a new
  // one.
  void hold_last(const std::vector<store::Extent>& extents) {
    if (!extents.empty()) hold(extents.back().segment);
  }

 private:
  store::Index& index_;
  std::vector<store::SegmentId> held_;
};

}  // namespace ringpost::mta
