// Queue listings: see queue_listing.h.
#include "engine/mta/queue_listing.h"

#include <algorithm>

namespace ringpost::mta {
namespace {

// What no retry would put off so far is not tried again by itself.
constexpr Duration held_beyond = seconds(10LL * 365 * 86'400);

bool is_held(WallTime next_due, WallTime now) { return next_due - now > held_beyond; }

std::string_view state_word(const Dispatcher& dispatcher, QueueId id, std::uint32_t recipient,
                            bool held) {
  if (dispatcher.is_active(id, recipient)) return "active";
  if (held) return "held";
  return dispatcher.paused() ? "paused" : "pending";
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

std::string notify_text(std::uint8_t flags) {
  std::string text;
  const auto add = [&](std::uint8_t flag, std::string_view word) {
    if ((flags & flag) == 0) return;
    if (!text.empty()) text += ',';
    text += word;
  };
  add(store::notify::never, "NEVER");
  add(store::notify::success, "SUCCESS");
  add(store::notify::failure, "FAILURE");
  add(store::notify::delay, "DELAY");
  return text;
}

std::string_view status_word(store::DeliveryStatus status) {
  switch (status) {
    case store::DeliveryStatus::Delivered:
      return "delivered";
    case store::DeliveryStatus::Relayed:
      return "relayed";
    case store::DeliveryStatus::Expanded:
      return "expanded";
    case store::DeliveryStatus::Failed:
      return "failed";
    case store::DeliveryStatus::Removed:
      return "removed";
    default:
      return "pending";
  }
}

std::string_view body_word(store::BodyType body) {
  switch (body) {
    case store::BodyType::EightBitMime:
      return "8BITMIME";
    case store::BodyType::BinaryMime:
      return "BINARYMIME";
    case store::BodyType::SevenBit:
      break;
  }
  return "7BIT";
}

std::string_view return_word(store::DsnReturn ret) {
  if (ret == store::DsnReturn::Full) return "FULL";
  return ret == store::DsnReturn::Headers ? "HDRS" : "";
}

EnvelopeRecipientRow recipient_row(const Dispatcher& dispatcher, QueueId id, std::uint32_t index,
                                   const store::Recipient& recipient, std::string& notify) {
  notify = notify_text(recipient.notify_flags);
  return {.address = recipient.accepted_address,
          .final_address = recipient.final_address,
          .action = recipient.action,
          .user = recipient.user,
          .target = recipient.target,
          .state = status_word(recipient.progress.status),
          .attempts = recipient.progress.attempts,
          .next_try = recipient.progress.next_due,
          .last_error = dispatcher.last_error(id, index),
          .orcpt = recipient.original,
          .notify = notify};
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
      entry.state = state_word(dispatcher, id, i, held);
      entry.attempts = progress.attempts;
      entry.next_try = held ? WallTime{} : progress.next_due;
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
  EnvelopeRow row{.id = id,
                  .generation = envelope.generation,
                  .accepted = envelope.received,
                  .octets = store::content_octets(envelope),
                  .from = envelope.reverse_path,
                  .helo = envelope.hello,
                  .client = envelope.client_address,
                  .client_name = envelope.client_name,
                  .listener = envelope.listener_tag,
                  .auth_user = envelope.authenticated_user,
                  .body = body_word(envelope.body),
                  .smtputf8 = envelope.smtputf8,
                  .ret = return_word(envelope.dsn_return),
                  .envid = envelope.envelope_id,
                  .recipients = {}};
  std::vector<std::string> notify(envelope.recipients.size());
  for (std::uint32_t i = 0; i < envelope.recipients.size(); ++i)
    row.recipients.push_back(recipient_row(dispatcher, id, i, envelope.recipients[i], notify[i]));
  gathering->answer(to_json(row));
}

}  // namespace ringpost::mta
