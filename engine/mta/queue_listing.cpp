// Queue listings: see queue_listing.h.
#include "engine/mta/queue_listing.h"

#include <array>

#include <fmt/format.h>

namespace ringpost::mta {
namespace {

using control::QueueState;

// Between two looks at the clock, and turns for others.
constexpr std::size_t places_per_turn = 2'048;
constexpr Duration page_time_max = seconds(2);
// Text of one page: the answer has its limit, and JSON may need six octets for one.
constexpr std::size_t text_octets_max = std::size_t{2} << 20;

class Search {
 public:
  Search(ring::Core& core, Dispatcher& dispatcher, QueueWish wish)
      : core_(core),
        dispatcher_(dispatcher),
        wish_(std::move(wish)),
        filter_(wish_.selection->filter),
        place_(wish_.from) {}

  ring::Task<QueuePart> run() {
    const Instant end = core_.now() + page_time_max;
    for (std::size_t steps = 1; !at_end_; ++steps) {
      const std::optional<QueueId> id = id_here();
      if (id && is_worth_a_look(*id)) co_await look_at(*id);
      if (is_full()) break;
      advance();
      if (steps % places_per_turn != 0) continue;
      if (core_.now() >= end) break;
      co_await ring::Pause(core_, Duration{0});
    }
    if (!at_end_) part_.next = place_;
    co_return std::move(part_);
  }

 private:
  bool is_full() const {
    return part_.entries.size() >= wish_.limit || text_octets_ >= text_octets_max;
  }

  // The message at this place; another one than the last page saw there is looked at as a whole.
  std::optional<QueueId> id_here() {
    std::optional<QueueId> id;
    const auto& named = wish_.selection->named;
    const store::Index& index = dispatcher_.index();
    if (named.empty()) {
      next_position_ =
          index.visit(place_.position, 1, [&](const store::MessageSummary& m) { id = m.id; });
    } else {
      if (place_.position < named.size()) id = named[place_.position].id;
      next_position_ = place_.position + 1 < named.size() ? place_.position + 1 : 0;
      if (id && index.find(*id) == nullptr) id.reset();
    }
    if (!id || place_.id != *id) place_.recipient = 0;
    place_.id = id.value_or(QueueId{});
    return id;
  }

  void advance() {
    at_end_ = next_position_ == 0;
    place_.position = next_position_;
    place_.recipient = 0;
    place_.id = {};
  }

  // By what memory alone knows.
  bool is_worth_a_look(QueueId id) const {
    const store::MessageSummary& message = *dispatcher_.index().find(id);
    if (!filter_.takes_age(core_.wall() - message.received)) return false;
    if (wish_.leaves_out_new && message.received > place_.began) return false;
    for (std::uint32_t i = place_.recipient; i < message.recipients.size(); ++i)
      if (is_meant(message, i, nullptr)) return true;
    return false;
  }

  // What is paused depends on where it goes, which only the envelope tells.
  bool needs_envelope() const {
    return wish_.with_details || filter_.needs_addresses() || asks_for_pauses();
  }

  bool asks_for_pauses() const {
    return dispatcher_.any_paused() && filter_.state && *filter_.state != QueueState::Active &&
           *filter_.state != QueueState::Held;
  }

  bool is_meant(const store::MessageSummary& message, std::uint32_t recipient,
                const store::Envelope* envelope) const {
    if (store::is_final(message.recipients[recipient].status)) return false;
    const auto& named = wish_.selection->named;
    if (!named.empty() && named[place_.position].recipient.value_or(recipient) != recipient)
      return false;
    const QueueState state = state_of(message, recipient, envelope);
    const bool may_be_paused =
        envelope == nullptr && state != QueueState::Active && state != QueueState::Held;
    return (may_be_paused && asks_for_pauses()) || filter_.takes_state(state);
  }

  QueueState state_of(const store::MessageSummary& message, std::uint32_t recipient,
                      const store::Envelope* envelope) const {
    const store::RecipientProgress& progress = message.recipients[recipient];
    if (dispatcher_.is_active(message.id, recipient)) return QueueState::Active;
    if (is_kept_back(progress, core_.wall())) return QueueState::Held;
    if (envelope != nullptr && dispatcher_.any_paused() &&
        dispatcher_.is_paused(message.id, recipient, envelope->recipients[recipient]))
      return QueueState::Paused;
    return progress.status == store::DeliveryStatus::Pending ? QueueState::Pending
                                                             : QueueState::Delayed;
  }

  ring::Task<void> look_at(QueueId id) {
    std::shared_ptr<const store::Envelope> envelope;
    if (needs_envelope()) {
      const auto read = co_await dispatcher_.envelope_of(id);
      if (read) envelope = *read;
    }
    const store::MessageSummary* message = dispatcher_.index().find(id);
    if (message == nullptr) co_return;
    for (std::uint32_t& i = place_.recipient; i < message->recipients.size() && !is_full(); ++i)
      if (is_meant(*message, i, envelope.get()) && has_addresses(envelope.get(), i))
        take(*message, envelope.get(), i);
  }

  // One that cannot be read has none that could be compared.
  bool has_addresses(const store::Envelope* envelope, std::uint32_t recipient) const {
    if (!filter_.needs_addresses()) return true;
    if (envelope == nullptr || !filter_.takes_sender(envelope->reverse_path)) return false;
    const store::Recipient& meant = envelope->recipients[recipient];
    return filter_.takes_recipient(meant.accepted_address, meant.final_address);
  }

  void take(const store::MessageSummary& message, const store::Envelope* envelope,
            std::uint32_t recipient) {
    QueueEntry entry;
    entry.id = message.id;
    entry.recipient = recipient;
    entry.state = state_of(message, recipient, envelope);
    if (wish_.with_details) describe(message, envelope, entry);
    text_octets_ += entry.from.size() + entry.to.size() + entry.last_error.size();
    part_.entries.push_back(std::move(entry));
  }

  void describe(const store::MessageSummary& message, const store::Envelope* envelope,
                QueueEntry& entry) const {
    const store::RecipientProgress& progress = message.recipients[entry.recipient];
    entry.accepted = message.received;
    entry.attempts = progress.attempts;
    entry.last_error = dispatcher_.last_error(entry.id, entry.recipient);
    if (entry.state != QueueState::Held && entry.state != QueueState::Active)
      entry.next_try = next_try(progress);
    if (envelope == nullptr) return;
    const store::Recipient& recipient = envelope->recipients[entry.recipient];
    entry.octets = store::content_octets(*envelope);
    entry.from = envelope->reverse_path;
    entry.to = recipient.final_address;
    entry.action = recipient.action;
  }

  ring::Core& core_;
  Dispatcher& dispatcher_;
  QueueWish wish_;
  const control::QueueFilter& filter_;
  QueuePlace place_;
  std::size_t next_position_ = 0;
  std::size_t text_octets_ = 0;
  bool at_end_ = false;
  QueuePart part_;
};

}  // namespace

QueueRow row_of(const QueueEntry& entry) {
  return {.id = entry.id,
          .recipient = entry.recipient,
          .accepted = entry.accepted,
          .octets = entry.octets,
          .from = entry.from,
          .to = entry.to,
          .action = entry.action,
          .state = to_text(entry.state),
          .attempts = entry.attempts,
          .next_try = entry.next_try,
          .last_error = entry.last_error};
}

std::string to_text(const QueuePlace& place) {
  return fmt::format("{}.{}.{}.{}.{}.{}", place.core, place.position, ringpost::to_text(place.id),
                     place.recipient, place.found, place.began.us);
}

std::optional<QueuePlace> parse_queue_place(std::string_view text) {
  if (text.empty()) return QueuePlace{};
  std::array<std::string_view, 6> fields;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const std::size_t dot = text.find('.');
    const bool is_last = i + 1 == fields.size();
    if (is_last != (dot == std::string_view::npos)) return std::nullopt;
    fields[i] = text.substr(0, dot);
    if (!is_last) text.remove_prefix(dot + 1);
  }
  const auto core = ascii::parse_decimal<unsigned>(fields[0]);
  const auto position = ascii::parse_decimal<std::size_t>(fields[1]);
  const auto id = parse_queue_id(fields[2]);
  const auto recipient = ascii::parse_decimal<std::uint32_t>(fields[3]);
  const auto found = ascii::parse_decimal<std::uint64_t>(fields[4]);
  const auto began = ascii::parse_decimal<std::int64_t>(fields[5]);
  if (!core || !position || !id || !recipient || !found || !began) return std::nullopt;
  return QueuePlace{*core, *position, *id, *recipient, *found, WallTime{*began}};
}

ring::Task<QueuePart> find_in_queue(ring::Core& core, Dispatcher& dispatcher, QueueWish wish) {
  Search search(core, dispatcher, std::move(wish));
  co_return co_await search.run();
}

ring::Task<void> list_queue(Worker& worker, QueueWish wish,
                            std::shared_ptr<Gathering<QueuePart>> gathering) {
  QueuePart part = co_await find_in_queue(worker.core(), worker.dispatcher(), std::move(wish));
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
