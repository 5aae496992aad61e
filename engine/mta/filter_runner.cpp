// A filter process: see filter_runner.h. What this tells a place on the same core happens within
// the turn; nothing of the places calls back into it but through the loop.
#include "engine/mta/filter_runner.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "engine/mta/filter_processes.h"
#include "proto/filter/answer.h"

namespace ringpost::mta {
namespace {

constexpr std::size_t write_octets = 256 * 1024;  // at once
// Batches are given back while less than this waits to be written.
constexpr std::size_t queue_octets_low = 1024 * 1024;
// The program is not read while more than this waits for one core.
constexpr std::size_t answers_octets_max = 4 * 1024 * 1024;
constexpr std::size_t said_line_octets_max = 1024;
constexpr unsigned said_lines_per_second_max = 20;
constexpr unsigned fruitless_starts = 2;  // in a row; then nobody is kept waiting for the next
constexpr unsigned core_shift = 56;       // of a session's number

}  // namespace

FilterRunner::FilterRunner(FilterProcesses& home, const FilterSpec& spec, unsigned cores)
    : home_(home),
      spec_(spec),
      figures_(home.setup_.metrics.of(spec.program.name, home.index())),
      seats_(cores),
      start_at_(home.setup_.core.now()) {}

FilterRunner::~FilterRunner() {
  CHECK(pipe_ == nullptr && seats_taken_ == 0);
  if (timer_.armed()) home_.setup_.core.timers().disarm(timer_);
}

void FilterRunner::join(FilterPost& post, unsigned core, Duration answer_max) {
  CHECK(takes(core));
  answer_max_ = answer_max;
  auto seat = std::make_unique<Seat>();
  seat->post = &post;
  seat->batch.runner = this;
  seat->batch.post = &post;
  seat->batch.core = core;
  seats_[core] = std::move(seat);
  ++seats_taken_;
  const bool is_ready = state_ == State::Ready;
  const filter::Interest interest = is_ready ? registration_->interest() : filter::Interest{};
  FilterProcesses::call(*home_.all_[core],
                        [this, &post, is_ready, incarnation = incarnation_, interest] {
                          post.welcome(*this);
                          if (is_ready) post.ready(incarnation, interest);
                        });
  if (state_ == State::Paused) look();
}

void FilterRunner::leave(unsigned core) {
  seats_[core]->leaving = true;
  seats_[core]->pending.clear();
  if (seats_[core]->batch.at_home) let_go(core);
}

void FilterRunner::let_go(unsigned core) {
  FilterPost& post = *seats_[core]->post;
  seats_[core].reset();
  --seats_taken_;
  FilterProcesses::call(*home_.all_[core], [&post] { post.let_go(); });
  if (seats_taken_ == 0) retire();
}

void FilterRunner::start() {
  if (home_.setup_.parent == nullptr) {
    start_at_ = never;
    failing_ = true;
    return tell_of_end("nothing can be started here");
  }
  const Instant now = home_.setup_.core.now();
  incarnation_ = std::uint64_t{home_.index()} << core_shift | ++home_.last_program_;
  const auto ends =
      home_.setup_.parent->start_filter({.id = incarnation_, .program = spec_.program});
  started_ = now;
  ready_at_ = never;
  figures_.starts.add();
  if (!ends) return fail(to_text(ends.error()));
  FilterPipeOwner& owner = *this;
  pipe_ = std::make_unique<FilterPipe>(home_.setup_.core, *ends, owner);
  state_ = State::Registering;
  cutter_ = {};
  registration_.emplace();
  pipe_held_ = false;
  queue_.clear();
  filter::append_handshake(queue_, {.session_timeout = spec_.session_timeout,
                                    .smtp_in = spec_.smtp_in,
                                    .smtp_out = spec_.smtp_out,
                                    .admd = spec_.admd});
  write();
}

void FilterRunner::received(std::string_view octets) {
  heard_at_ = home_.setup_.core.now();
  while (!octets.empty() && (state_ == State::Registering || state_ == State::Ready)) {
    const auto taken = cutter_.take(octets);
    if (taken.status == filter::LineCutter::Status::Line) take_line(taken.line);
    if (taken.status == filter::LineCutter::Status::TooLong)
      return fail(fmt::format("a line has more than {} octets", filter::line_octets_max));
  }
}

void FilterRunner::take_line(std::string_view line) {
  if (state_ == State::Registering) {
    if (const auto taken = registration_->take(line); !taken) return fail(taken.error());
    if (registration_->ready()) become_ready();
    return;
  }
  const auto answer = filter::read_answer(line);
  if (!answer) return fail(answer.error());
  if (const auto* result = std::get_if<filter::Result>(&*answer)) hand_out(result->session, line);
  if (const auto* content = std::get_if<filter::DataLine>(&*answer))
    hand_out(content->session, line);
}

void FilterRunner::become_ready() {
  state_ = State::Ready;
  ready_at_ = home_.setup_.core.now();
  failing_ = false;
  figures_.ready.set(1);
  home_.setup_.events.emit(
      home_.setup_.core.wall(),
      observe::FilterReady{.filter = spec_.program.name, .elapsed = ready_at_ - started_});
  for (std::size_t core = 0; core < seats_.size(); ++core) {
    if (seats_[core] == nullptr) continue;
    FilterProcesses::call(*home_.all_[core], [post = seats_[core]->post, incarnation = incarnation_,
                                              interest = registration_->interest()] {
      post->ready(incarnation, interest);
    });
  }
}

// A session's number begins with its core's.
void FilterRunner::hand_out(std::uint64_t session, std::string_view line) {
  const std::uint64_t core = session >> core_shift;
  Seat* const seat = core < seats_.size() ? seats_[core].get() : nullptr;
  if (seat == nullptr || seat->leaving) return figures_.strays.add();
  seat->pending.append(line) += '\n';
  if (seat->pending.size() < answers_octets_max || pipe_held_) return;
  pipe_held_ = true;
  pipe_->hold();
}

void FilterRunner::hand_over(Seat& seat) {
  if (seat.pending.empty() || !seat.batch.at_home || seat.leaving) return;
  seat.batch.octets.swap(seat.pending);
  seat.batch.incarnation = incarnation_;
  seat.batch.at_home = false;
  seat.batch.handler = &FilterRunner::answers_arrived;
  home_.deliver(seat.batch, *home_.all_[seat.batch.core]);
}

// On the core of the post.
void FilterRunner::answers_arrived(ring::Message& message) {
  auto& batch = static_cast<Seat::Inbound&>(message);
  batch.post->answers_arrived(batch);
  batch.handler = &FilterRunner::answers_back;
  FilterProcesses& here = *batch.runner->home_.all_[batch.core];
  here.deliver(batch, batch.runner->home_);
}

void FilterRunner::answers_back(ring::Message& message) {
  auto& batch = static_cast<Seat::Inbound&>(message);
  FilterRunner& self = *batch.runner;
  batch.octets.clear();
  batch.at_home = true;
  const unsigned core = batch.core;
  Seat& seat = *self.seats_[core];
  if (!seat.pending.empty()) self.home_.setup_.core.turn_again();
  if (seat.leaving) self.let_go(core);  // the batch goes, too
  if (!self.pipe_held_ || self.pipe_ == nullptr) return;
  const bool has_room = std::ranges::all_of(self.seats_, [](const auto& one) {
    return one == nullptr || one->pending.size() < answers_octets_max;
  });
  if (!has_room) return;
  self.pipe_held_ = false;
  self.pipe_->resume();
}

void FilterRunner::lines_arrived(FilterBatch& batch) {
  const bool is_known = state_ == State::Ready && batch.incarnation == incarnation_;
  if (is_known) queue_ += batch.octets;
  held_back_.push_back(&batch);
  if (!is_known || queue_.size() < queue_octets_low) give_back_batches();
}

void FilterRunner::give_back_batches() {
  while (!held_back_.empty()) {
    FilterBatch& batch = *held_back_.front();
    held_back_.pop_front();
    batch.handler = &FilterPost::batch_back;
    home_.deliver(batch, static_cast<FilterPost::Outbound&>(batch).post.home_);
  }
}

void FilterRunner::write() {
  if (pipe_ == nullptr || pipe_->sending() || state_ == State::Closing) return;
  if (unwritten_.empty()) {
    writing_.clear();
    writing_.swap(queue_);
    unwritten_ = writing_;
  }
  figures_.unwritten.set(unwritten_.size() + queue_.size());
  if (unwritten_.empty()) {
    if (state_ == State::Stopping && !std::exchange(input_ended_, true)) pipe_->end_input();
    return;
  }
  write_began_ = home_.setup_.core.now();
  pipe_->send(unwritten_.substr(0, write_octets));
}

void FilterRunner::sent() {
  unwritten_.remove_prefix(std::min(unwritten_.size(), write_octets));
  write_began_ = never;
  if (queue_.size() < queue_octets_low) give_back_batches();
  write();
}

void FilterRunner::output_ended(int error) {
  if (state_ != State::Stopping) {
    fail(error == 0 ? "it has ended" : to_text(Fault{"receive", error}));
    return;
  }
  home_.setup_.parent->end_filter({.id = incarnation_, .kill = false});
  state_ = State::Closing;
  pipe_->close();
}

void FilterRunner::not_answered(std::uint64_t incarnation, Instant asked) {
  if (state_ == State::Ready && incarnation == incarnation_ && heard_at_ <= asked)
    fail("it has answered nothing for as long as it may take");
}

void FilterRunner::broken(std::uint64_t incarnation, const std::string& reason) {
  if (state_ == State::Ready && incarnation == incarnation_) fail(reason);
}

// What it has answered still counts. It is started again, unless nobody wants it any more.
void FilterRunner::fail(const std::string& reason) {
  if (state_ == State::Stopping || state_ == State::Closing) return;
  hand_out_answers();
  pause();
  figures_.deaths.add();
  figures_.ready.set(0);
  home_.setup_.events.emit(
      home_.setup_.core.wall(),
      observe::FilterEnded{.filter = spec_.program.name, .reason = reason, .pause = pause_});
  tell_of_end("the filter process failed: " + reason);
  for (const auto& seat : seats_)
    if (seat != nullptr) seat->pending.clear();
  queue_.clear();
  unwritten_ = {};
  write_began_ = never;
  if (pipe_ == nullptr) {
    state_ = State::Paused;
  } else {
    state_ = State::Closing;
    home_.setup_.parent->end_filter({.id = incarnation_, .kill = true});
    pipe_->close();
  }
  give_back_batches();
}

void FilterRunner::pause() {
  const Instant now = home_.setup_.core.now();
  const bool was_sound = ready_at_ != never && now - ready_at_ >= filter_sound_after;
  pause_ = was_sound ? filter_pause_min
                     : std::clamp(pause_ + pause_, filter_pause_min, filter_pause_max);
  start_at_ = now + pause_;
  fruitless_ = ready_at_ != never ? 0 : fruitless_ + 1;
  failing_ = fruitless_ >= fruitless_starts;
}

void FilterRunner::tell_of_end(const std::string& reason) {
  for (std::size_t core = 0; core < seats_.size(); ++core) {
    if (seats_[core] == nullptr) continue;
    FilterProcesses::call(*home_.all_[core],
                          [post = seats_[core]->post, incarnation = incarnation_, reason,
                           failing = failing_] { post->ended(incarnation, reason, failing); });
  }
}

// Nobody wants it any more. What it was to be told last is still written.
void FilterRunner::retire() {
  retired_ = true;
  figures_.ready.set(0);
  if (state_ != State::Registering && state_ != State::Ready) return;
  state_ = State::Stopping;
  stop_at_ = home_.setup_.core.now();
  told_to_end_ = false;
  input_ended_ = false;
  write();
}

void FilterRunner::said(std::string_view octets) {
  said_ += octets;
  std::string_view rest = said_;
  for (std::size_t end = 0; (end = rest.find('\n')) != std::string_view::npos;) {
    log_line(rest.substr(0, end));
    rest.remove_prefix(end + 1);
  }
  if (rest.size() > said_line_octets_max) log_line(std::exchange(rest, {}));
  said_ = std::string(rest);
}

void FilterRunner::log_line(std::string_view line) {
  const Instant now = home_.setup_.core.now();
  if (now - said_from_ >= seconds(1)) {
    said_from_ = now;
    said_lines_ = 0;
  }
  if (++said_lines_ > said_lines_per_second_max) {
    ++said_dropped_;
    return;
  }
  home_.setup_.events.emit(home_.setup_.core.wall(),
                           observe::FilterSaid{.filter = spec_.program.name,
                                               .line = line.substr(0, said_line_octets_max),
                                               .lines_dropped = std::exchange(said_dropped_, 0)});
}

Instant FilterRunner::next_look() const {
  switch (state_) {
    case State::Paused:
      return retired_ ? never : start_at_;
    case State::Registering:
      return started_ + filter_register_max;
    case State::Ready:
      return write_began_ == never ? never : write_began_ + answer_max_;
    case State::Stopping:
      return stop_at_ + (told_to_end_ ? filter_kill_after : filter_term_after);
    case State::Closing:
      break;
  }
  return never;
}

void FilterRunner::look() {
  const Instant now = home_.setup_.core.now();
  if (now < next_look()) return;
  if (state_ == State::Paused) return start();
  if (state_ == State::Registering) return fail("it does not register in time");
  if (state_ == State::Ready) return fail("it reads nothing for as long as it may take");
  if (state_ != State::Stopping) return;
  home_.setup_.parent->end_filter({.id = incarnation_, .kill = told_to_end_});
  if (std::exchange(told_to_end_, true)) {
    state_ = State::Closing;
    pipe_->close();
  }
}

void FilterRunner::arm() {
  const Instant next = next_look();
  ring::TimerWheel& timers = home_.setup_.core.timers();
  if (next == never && timer_.armed()) timers.disarm(timer_);
  if (next != never && (!timer_.armed() || timer_.deadline() != next)) timers.arm(timer_, next);
}

void FilterRunner::hand_out_answers() {
  for (const auto& seat : seats_)
    if (seat != nullptr) hand_over(*seat);
}

bool FilterRunner::end_of_turn() {
  write();
  if (state_ == State::Closing && pipe_->is_closed()) {
    pipe_.reset();
    unwritten_ = {};
    if (!said_.empty()) log_line(std::exchange(said_, {}));
    state_ = State::Paused;
  }
  arm();
  return !(retired_ && state_ == State::Paused);
}

}  // namespace ringpost::mta
