// MessageSummary: see summary.h. Pure.
#include "store/spool/summary.h"

#include <algorithm>

#include "proto/base/check.h"

namespace ringpost::store {

bool MessageSummary::any_pending() const {
  return std::ranges::any_of(
      recipients, [](const RecipientProgress& progress) { return !is_final(progress.status); });
}

void add_use(std::vector<SegmentUse>& uses, const SegmentUse& use) {
  for (SegmentUse& known : uses) {
    if (known.segment != use.segment || known.outcome != use.outcome) continue;
    known.octets += use.octets;
    return;
  }
  uses.push_back(use);
}

void add_copy(MessageSummary& message, SegmentId segment) {
  if (segment == message.envelope.segment) return;
  if (std::ranges::find(message.copies, segment) == message.copies.end())
    message.copies.push_back(segment);
}

MessageSummary summarize(QueueId id, const Envelope& envelope, const Extent& where) {
  MessageSummary summary{.id = id,
                         .received = envelope.received,
                         .envelope = where,
                         .generation = envelope.generation,
                         .recipients = {},
                         .uses = {},
                         .copies = {}};
  summary.recipients.reserve(envelope.recipients.size());
  for (const Recipient& recipient : envelope.recipients)
    summary.recipients.push_back(recipient.progress);
  add_use(summary.uses, {.segment = where.segment, .octets = where.length});
  for (const Extent& extent : envelope.extents)
    add_use(summary.uses, {.segment = extent.segment, .octets = extent.length});
  return summary;
}

void apply_progress(const MessageSummary& summary, Envelope& envelope) {
  CHECK(summary.recipients.size() == envelope.recipients.size());
  for (std::size_t i = 0; i < envelope.recipients.size(); ++i)
    envelope.recipients[i].progress = summary.recipients[i];
}

}  // namespace ringpost::store
