// MessageSummary: the part of an Envelope that the live index keeps in memory. The rest is read
// back from the log when a recipient is delivered.
#pragma once

#include <cstdint>
#include <vector>

#include "proto/base/clock.h"
#include "proto/base/queue_id.h"
#include "store/log/extent.h"
#include "store/spool/envelope.h"
#include "store/spool/outcome.h"

namespace ringpost::store {

// What a message needs of a segment: content, the current Envelope, or outcomes since that.
struct SegmentUse {
  SegmentId segment;
  std::uint32_t octets = 0;
  bool outcome = false;  // outcomes, which a newer Envelope may hold too
};

struct MessageSummary {
  QueueId id;
  WallTime received{};
  Extent envelope;  // payload of the current Envelope record
  std::uint32_t generation = 0;
  std::vector<RecipientProgress> recipients;  // same order as Envelope::recipients
  std::vector<SegmentUse> uses;
  // Where older copies of the Envelope lie, or may lie. Nothing there is needed, but its death must
  // outlive them.
  std::vector<SegmentId> copies;

  bool any_pending() const;
};

// `where`: the payload of the record that holds `envelope`.
MessageSummary summarize(QueueId id, const Envelope& envelope, const Extent& where);

void add_copy(MessageSummary& message, SegmentId segment);
// Adds to the entry of the same segment and the same meaning, or makes one.
void add_use(std::vector<SegmentUse>& uses, const SegmentUse& use);

// Puts the newer knowledge of the index into an Envelope that was read back from the log.
void apply_progress(const MessageSummary& summary, Envelope& envelope);

}  // namespace ringpost::store
