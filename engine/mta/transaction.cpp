// A message in the making: see transaction.h.
#include "engine/mta/transaction.h"

#include "engine/mta/decision_log.h"
#include "engine/mta/dispatcher.h"
#include "engine/mta/inbound.h"

namespace ringpost::mta {

Transaction::Transaction(WorkerParts& parts, Inbound& inbound, observe::SessionId session)
    : Commit(&Transaction::settled),
      parts_(parts),
      inbound_(&inbound),
      session_(session),
      id_(parts.spooler->new_id()),
      leases_(*parts.index) {}

Transaction::Added Transaction::add_recipient(store::Recipient recipient) {
  if (envelope.recipients.size() >= store::envelope_recipients_max) return Added::TooMany;
  std::string key = recipient.action + '\n' + recipient.user + '\n' + recipient.sub_address + '\n' +
                    recipient.final_address + '\n' + recipient.target;
  if (!deliveries_.insert(std::move(key)).second) return Added::Duplicate;
  envelope.recipients.push_back(std::move(recipient));
  return Added::Added;
}

void Transaction::begin_content() {
  epoch_ = parts_.spooler->epoch();
  envelope.received = parts_.core.wall();
  for (store::Recipient& recipient : envelope.recipients)
    recipient.progress.next_due = envelope.received;
}

std::size_t Transaction::append(Bytes octets, const memory::Buffer& buffer) {
  std::size_t taken = 0;
  while (taken < octets.size()) {
    const std::size_t step =
        parts_.spooler->append_content(id_, octets.subspan(taken), buffer, envelope.extents);
    leases_.hold_last(envelope.extents);
    if (step == 0) break;
    taken += step;
  }
  if (signer != nullptr) signer->take(octets.first(taken));
  return taken;
}

void Transaction::edit_pending() {
  // What both edit goes through one after the other; behind the header nothing more is copied.
  if (results != nullptr && header != nullptr) {
    cleaned.clear();
    const std::size_t taken = results->edit(pending, cleaned);
    cleaned += text_of(pending.subspan(taken));
    if (results->done()) results.reset();
    pending = bytes_of(cleaned);
    return edit_by(header);
  }
  edit_by(header);
  edit_by(results);
}

template <class Editor>
void Transaction::edit_by(std::unique_ptr<Editor>& editor) {
  if (editor == nullptr) return;
  edited.clear();
  const std::size_t taken = editor->edit(pending, edited);
  pending_after = pending.subspan(taken);
  pending = bytes_of(edited);
  if (editor->done()) editor.reset();
}

void Transaction::end_editing() {
  if (header != nullptr) edited.clear();
  if (results != nullptr) {
    cleaned.clear();
    results->finish(cleaned);
    results.reset();
    pending = bytes_of(cleaned);
    edit_by(header);
  }
  if (header == nullptr) return;
  header->finish(edited);
  header.reset();
  pending = bytes_of(edited);
}

bool Transaction::append_front() {
  while (!front.empty()) {
    const std::size_t taken =
        parts_.spooler->append_content(id_, bytes_of(front), memory::Buffer(), front_extents_);
    leases_.hold_last(front_extents_);
    if (taken == 0) return false;
    front.erase(0, taken);
  }
  envelope.extents.insert(envelope.extents.begin(), front_extents_.begin(), front_extents_.end());
  front_extents_.clear();
  return true;
}

bool Transaction::is_intact() const { return epoch_ == parts_.spooler->epoch(); }

Transaction::Begun Transaction::commit(std::unique_ptr<Transaction>& transaction) {
  Transaction& self = *transaction;
  if (!self.is_intact() || !store::is_within_limits(self.envelope)) return Begun::Impossible;
  const auto appended = self.parts_.spooler->append(self.id_, self.envelope, self);
  if (!appended)
    return appended.error() == store::Refused::NoRoomNow ? Begun::NoRoom : Begun::Impossible;
  self.where_ = appended->where;
  static_cast<void>(transaction.release());
  return Begun::Waiting;
}

// The moment at which a message becomes ours: from here on it is delivered, whatever becomes of the
// client.
void Transaction::settled(Commit& commit, bool durable) {
  const std::unique_ptr<Transaction> self(&static_cast<Transaction&>(commit));
  if (durable) {
    self->report(self->parts_.core.wall());
    if (self->inbound_ == nullptr) self->put_left_record();
    self->parts_.dispatcher->accepted(self->id_, std::move(self->envelope), self->where_);
  }
  if (self->inbound_ != nullptr) self->inbound_->committed(durable);
}

void Transaction::put_left_record() const {
  store::DecisionRecord& record = parts_.decisions->blank();
  if (store::decode(bytes_of(left_record_), record)) parts_.decisions->put(record);
}

void Transaction::report(WallTime now) const {
  const Duration elapsed = parts_.core.now() - began;
  parts_.metrics.session.messages_accepted.add();
  parts_.events.emit(now, observe::MessageAccepted{
                              .id = id_,
                              .session = session_,
                              .client = envelope.client_address,
                              .helo = envelope.hello,
                              .from = envelope.reverse_path,
                              .user = envelope.authenticated_user,
                              .recipients = static_cast<std::uint32_t>(envelope.recipients.size()),
                              .octets = content_octets,
                              .elapsed = elapsed});
}

}  // namespace ringpost::mta
