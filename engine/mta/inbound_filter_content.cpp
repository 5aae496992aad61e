// Inbound: content that goes through filter processes: given as it is received, appended to the
// spool as it comes back. The message goes on when all of it has.
#include "engine/mta/inbound.h"

namespace ringpost::mta {

void Inbound::begin_filtered_content() {
  if (filters_ == nullptr) return;
  filters_->has_content = filters_->run.begin_content();
  filters_->is_first_line = true;
  filters_->all_given = filters_->all_came = false;
  filters_->refusal = nullptr;
  filters_->came.clear();
}

// All that is there, now: the processes have copies then.
void Inbound::give_pending() {
  bool has_room = true;
  for (const Bytes piece :
       {std::exchange(transaction_->pending, {}), std::exchange(transaction_->pending_after, {})})
    if (!piece.empty() && filters_->refusal == nullptr)
      has_room = filters_->run.give(text_of(piece));
  if (!has_room || filters_->waits_for_room) waiting_ = Waiting::Content;
}

void Inbound::content_room() {
  if (waiting_ != Waiting::Content || filters_->all_given) return;
  waiting_ = Waiting::Nothing;
  pump();
}

// What files a message as junk was its first line. A process that removes such fields, as
// filter-rspamd does with those of strangers, cannot take back what a filter decided here.
void Inbound::content_came(std::string_view lines) {
  if (std::exchange(filters_->is_first_line, false) && !lines.starts_with(spam_field()))
    filters_->came += spam_field();
  filters_->came += lines;
  take_came();
}

// Into the spool, or when that has room again.
void Inbound::take_came() {
  std::string& came = filters_->came;
  if (filters_->waits_for_room) return;
  if (!transaction_->failed && !came.empty())
    came.erase(0, transaction_->append(bytes_of(came), memory::Buffer()));
  if (!came.empty() && !parts_.spooler->accepting()) transaction_->failed = true;
  if (transaction_->failed) came.clear();
  if (!came.empty()) {
    filters_->waits_for_room = true;
    return parts_.spooler->wait_for_room(room_);
  }
  settle_filtered_content();
}

void Inbound::content_filtered(const smtp::ReplyView* refusal) {
  filters_->refusal = refusal;
  filters_->all_came = true;
  settle_filtered_content();
}

void Inbound::end_filtered_content() {
  filters_->all_given = true;
  filters_->is_beginning = true;
  waiting_ = Waiting::Content;
  filters_->run.end_content();
  settle_filtered_content();
  filters_->is_beginning = false;
}

// Goes on when all was given and all has come, or will not.
void Inbound::settle_filtered_content() {
  Filters& filters = *filters_;
  if (!filters.has_content || !filters.all_given || !filters.all_came) {
    // Its client gives the rest of what will be refused.
    const bool is_lost = filters.refusal != nullptr && !filters.all_given;
    if (is_lost && waiting_ == Waiting::Content) content_room();
    return;
  }
  if (filters.refusal == nullptr && !filters.came.empty()) return;
  const bool is_beginning = filters.is_beginning;
  filters.has_content = false;
  waiting_ = Waiting::Nothing;
  if (filters.refusal != nullptr) {
    refuse_content(*filters.refusal);
  } else {
    content_is_there();
  }
  if (!is_beginning) pump();
}

}  // namespace ringpost::mta
