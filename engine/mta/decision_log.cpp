// Two pieces of memory: one is written out while the other fills. One write at a time, older
// octets first.
#include "engine/mta/decision_log.h"

#include <cerrno>
#include <utility>

namespace ringpost::mta {
namespace {

// Enough for a write of its own.
constexpr std::size_t write_octets = 16 * 1024;

}  // namespace

DecisionLog::DecisionLog(ring::Core& core, DecisionFile* file, observe::DecisionMetrics& metrics,
                         observe::EventSink& events)
    : core_(core), file_(file), metrics_(metrics), events_(events) {}

DecisionLog::~DecisionLog() { core_.timers().disarm(timer_); }

store::DecisionRecord& DecisionLog::blank() {
  store::clear(blank_);
  return blank_;
}

void DecisionLog::put(const store::DecisionRecord& record) {
  if (file_ == nullptr || !append(record)) return metrics_.lost.add();
  ++put_;
  Piece& piece = pieces_[current_];
  ++piece.records;
  if (piece.writer.octets().size() - piece.begun >= write_octets) is_due_ = true;
  if (!is_due_ && !timer_.armed()) core_.timers().arm(timer_, core_.now() + decision_delay_max);
}

bool DecisionLog::append(const store::DecisionRecord& record) {
  Piece& piece = pieces_[current_];
  const std::uint64_t sequence = piece.writer.sequence();
  const bool is_usable = sequence != 0 && !piece.is_broken && file_->is_current(sequence);
  if (is_usable && piece.writer.append(record)) return true;
  if (sequence == 0) return begin(piece) && piece.writer.append(record);
  is_due_ = true;
  Piece& other = pieces_[1 - current_];
  // The disk is slower than the decisions.
  if (!begin(other)) return false;
  current_ = 1 - current_;
  return other.writer.append(record);
}

bool DecisionLog::begin(Piece& piece) {
  const bool is_being_written = operation_.in_flight() && writing_of_ == &piece;
  if (piece.has_rest() || is_being_written) return false;
  const DecisionFile::Chunk chunk = file_->claim();
  piece.writer.begin(chunk.sequence);
  piece.offset = chunk.offset;
  piece.begun = 0;
  piece.is_broken = false;
  return true;
}

void DecisionLog::flush(std::function<void()> done) {
  if (settled_ == put_) return done();
  waiters_.push_back({put_, std::move(done)});
  is_due_ = true;
}

void DecisionLog::end_of_turn() {
  if (settled_ == put_ || operation_.in_flight()) return;
  if (is_due_ || core_.stopping()) start_write();
}

void DecisionLog::start_write() {
  Piece& older = pieces_[1 - current_];
  Piece& piece = older.has_rest() ? older : pieces_[current_];
  core_.timers().disarm(timer_);
  writing_ = piece.writer.octets().subspan(piece.begun);
  writing_of_ = &piece;
  writing_at_ = piece.offset + piece.begun;
  writing_records_ = std::exchange(piece.records, 0);
  piece.begun = piece.writer.octets().size();
  go_on();
}

void DecisionLog::go_on() {
  io_uring_sqe* const entry = core_.ring().entry();
  io_uring_prep_write(entry, file_->file(), writing_.data(), static_cast<unsigned>(writing_.size()),
                      writing_at_);
  core_.ring().bind(entry, operation_);
}

void DecisionLog::written(ring::Completion completion) {
  const int result = completion.result;
  if (result == -EINTR || result == -EAGAIN) return go_on();
  if (result <= 0) {
    report(result == 0 ? EIO : -result);
    writing_of_->is_broken = true;
    return settle(false);
  }
  metrics_.octets.add(static_cast<std::uint64_t>(result));
  writing_ = writing_.subspan(static_cast<std::size_t>(result));
  writing_at_ += static_cast<std::uint64_t>(result);
  if (!writing_.empty()) return go_on();
  is_failing_ = false;
  settle(true);
}

// What could not be written is not written again: the disk is full, or worse.
void DecisionLog::settle(bool done) {
  (done ? metrics_.written : metrics_.lost).add(writing_records_);
  settled_ += std::exchange(writing_records_, 0);
  while (!waiters_.empty() && waiters_.front().settled <= settled_) {
    const auto tell = std::move(waiters_.front().done);
    waiters_.pop_front();
    tell();
  }
  const bool has_older = pieces_[1 - current_].has_rest();
  is_due_ = has_older || !waiters_.empty();
  if (settled_ != put_ && !is_due_ && !timer_.armed())
    core_.timers().arm(timer_, core_.now() + decision_delay_max);
}

void DecisionLog::report(int error) {
  metrics_.faults.add();
  if (std::exchange(is_failing_, true)) return;
  const Fault fault{"write", error, file_->path()};
  events_.emit(core_.wall(), observe::FaultSeen{.where = "decisions", .fault = fault});
}

}  // namespace ringpost::mta
