// Queue listings: see queue_listing.h.
#include "engine/mta/queue_listing.h"

#include <algorithm>

namespace ringpost::mta {
namespace {

// What no retry would put off so far is not tried again by itself.
constexpr Duration held_beyond = seconds(10LL * 365 * 86'400);

bool is_held(WallTime next_due, WallTime now) { return next_due - now > held_beyond; }

std::string_view state_word(const Dispatcher& dispatcher, QueueId id, std::uint32_t recipient,
                            bool held, store::DeliveryStatus status) {
  if (dispatcher.is_active(id, recipient)) return "active";
  if (held) return "held";
  return dispatcher.paused() ? "paused" : to_text(status);
}

// The ids of this core that come next, in order; messages before the cursor are left out.
std::vector<QueueId> ids_wanted(const Worker& worker, const ListingWish& wish) {
  if (wish.only)
    return worker.index().find(*wish.only) != nullptr ? std::vector{*wish.only}
                                                      : std::vector<QueueId>{};
  std::vector<QueueId> ids;
  std::size_t cursor = 0;
  do {
    cursor = worker.index().visit(cursor, 65'536, [&](const store::MessageSummary& message) {
      if (!wish.has_after || message.id >= wish.after_id) ids.push_back(message.id);
    });
  } while (cursor != 0);
  const std::size_t wanted = std::min(ids.size(), wish.limit + 1);
  std::ranges::partial_sort(ids, ids.begin() + static_cast<std::ptrdiff_t>(wanted));
  ids.resize(wanted);
  return ids;
}

bool is_behind(const ListingWish& wish, QueueId id, std::uint32_t recipient) {
  return !wish.has_after || id > wish.after_id || recipient > wish.after_recipient;
}

}  // namespace

QueueRow row_of(const QueueEntry& entry) {
  return {.id = entry.id,
          .recipient = entry.recipient,
          .accepted = entry.accepted,
          .octets = entry.octets,
          .from = entry.from,
          .to = entry.to,
          .action = entry.action,
          .state = entry.state,
          .attempts = entry.attempts,
          .next_try = entry.next_try,
          .last_error = entry.last_error};
}

ring::Task<void> list_queue(Worker& worker, ListingWish wish,
                            std::shared_ptr<Gathering<QueuePart>> gathering) {
  QueuePart part;
  Dispatcher& dispatcher = worker.dispatcher();
  for (const QueueId id : ids_wanted(worker, wish)) {
    if (part.size() > wish.limit) break;
    const auto envelope = co_await dispatcher.envelope_of(id);
    const store::MessageSummary* message = worker.index().find(id);
    if (message == nullptr) continue;
    for (std::uint32_t i = 0; i < message->recipients.size(); ++i) {
      const store::RecipientProgress& progress = message->recipients[i];
      if (store::is_final(progress.status) || !is_behind(wish, id, i)) continue;
      QueueEntry entry;
      entry.id = id;
      entry.recipient = i;
      entry.accepted = message->received;
      if (envelope) {
        const store::Recipient& recipient = (*envelope)->recipients[i];
        entry.octets = store::content_octets(**envelope);
        entry.from = (*envelope)->reverse_path;
        entry.to = recipient.final_address;
        entry.action = recipient.action;
      }
      const bool held = is_held(progress.next_due, worker.core().wall());
      entry.state = state_word(dispatcher, id, i, held, progress.status);
      entry.attempts = progress.attempts;
      if (!held && !dispatcher.is_active(id, i)) entry.next_try = next_try(progress);
      entry.last_error = dispatcher.last_error(id, i);
      part.push_back(std::move(entry));
    }
  }
  gathering->answer(std::move(part));
}

ring::Task<void> show_envelope(Worker& worker, QueueId id,
                               std::shared_ptr<Gathering<Json>> gathering) {
  Dispatcher& dispatcher = worker.dispatcher();
  const auto found = co_await dispatcher.envelope_of(id);
  const store::MessageSummary* message = worker.index().find(id);
  if (!found || message == nullptr) {
    gathering->answer(Json());
    co_return;
  }
  store::Envelope envelope = **found;
  store::apply_progress(*message, envelope);
  EnvelopeRow row = envelope_row(id, envelope);
  for (std::uint32_t i = 0; i < row.recipients.size(); ++i)
    row.recipients[i].last_error = dispatcher.last_error(id, i);
  gathering->answer(to_json(row));
}

}  // namespace ringpost::mta
