// The source's part of one thread; see source.h.
#include "tools/load/source.h"

#include <algorithm>
#include <limits>
#include <random>
#include <utility>

#include <fmt/format.h>

#include "proto/base/check.h"

namespace ringpost::load {
namespace {

constexpr unsigned connecting_max = 256;  // at the same time, so that no backlog overflows
constexpr Duration retry_pause = milliseconds(100);
constexpr Duration wind_down_limit = seconds(10);
constexpr std::size_t sequence_length = 1021;
constexpr std::uint64_t without_end = std::numeric_limits<std::uint64_t>::max();

}  // namespace

Plan::Plan(const Options& run_options, WallTime now) : options(run_options) {
  run =
      static_cast<std::uint32_t>(static_cast<std::uint64_t>(now.us) * 0x9e3779b97f4a7c15ULL >> 32);
  settings.name = "load.ringpost.invalid";
  settings.pipelining = options.pipelining;
  settings.chunking = options.chunking;
  if (options.encryption == Encryption::StartTls) settings.start_tls = smtp::StartTls::Required;
  if (options.encryption != Encryption::None) {
    auto made = tls::ClientContext::make({});
    CHECK(made);
    encryption = std::move(*made);
  }
  std::vector<double> weights;
  if (!options.message.empty()) {
    contents.emplace_back(options.message);
    sequence.assign(1, 0);
    return;
  }
  for (const SizeShare& size : options.sizes) {
    contents.emplace_back(size.octets, options.sender, options.recipient, now);
    weights.push_back(size.weight);
  }
  // The same seed in every run, so that two runs send the same sizes in the same order.
  std::minstd_rand random;
  std::discrete_distribution<int> choose(weights.begin(), weights.end());
  for (std::size_t i = 0; i < sequence_length; ++i)
    sequence.push_back(static_cast<std::uint8_t>(choose(random)));
}

std::uint64_t Plan::share(std::uint64_t whole, unsigned thread) const {
  return whole / options.threads + (thread < whole % options.threads ? 1 : 0);
}

std::expected<std::unique_ptr<Source>, Fault> Source::create(const Plan& plan, unsigned thread,
                                                             Statistics& statistics) {
  std::unique_ptr<Source> self(new Source(plan, thread, statistics));
  auto core = ring::Core::create({.index = thread});
  if (!core) return std::unexpected(core.error());
  self->core_ = std::move(*core);
  auto buffers = memory::BufferRing::create(self->core_->ring(), {.buffer_bytes = 4096});
  if (!buffers) return std::unexpected(buffers.error());
  self->buffers_ = std::move(*buffers);
  if (plan.options.ledger.empty()) return self;
  auto ledger = Ledger::open(plan.options.ledger);
  if (!ledger) return std::unexpected(ledger.error());
  self->ledger_ = std::move(*ledger);
  return self;
}

Source::Source(const Plan& plan, unsigned thread, Statistics& statistics)
    : plan_(plan),
      thread_(thread),
      statistics_(statistics),
      tls_sessions_(plan.options.connections + std::size_t{plan.options.idle_sessions}) {
  const Options& options = plan.options;
  const bool endless = !options.messages && options.run_time > Duration{};
  const std::uint64_t messages =
      options.messages.value_or(options.connections * options.messages_per_connection);
  quota_ = options.idle_sessions > 0 ? 0 : endless ? without_end : plan.share(messages, thread);
  const std::uint64_t all = options.idle_sessions > 0
                                ? options.idle_sessions
                                : std::min<std::uint64_t>(options.connections, messages);
  const std::uint64_t own = plan.share(all, thread);
  // Slots are numbered over all threads: those of the threads before this one come first.
  std::uint64_t before = 0;
  for (unsigned other = 0; other < thread; ++other) before += plan.share(all, other);
  for (std::uint64_t i = 0; i < own; ++i)
    connections_.push_back(
        std::make_unique<SourceConnection>(*this, static_cast<std::uint32_t>(before + i)));
}

void Source::run_to_end() {
  const Options& options = plan_.options;
  core_->at_turn_end([this] { turn_ended(); });
  last_success_ = core_->now();
  if (options.messages_per_second > 0)
    pace_.emplace(static_cast<double>(options.messages_per_second) / options.threads, core_->now());
  if (options.run_time > Duration{})
    core_->timers().arm(run_timer_, core_->now() + options.run_time);
  open_more();
  finish_if_over();
  core_->run([this] { return open_ == 0; });
  core_->timers().disarm(run_timer_);
  core_->timers().disarm(pace_timer_);
}

void Source::turn_ended() {
  if (pace_) release_waiting();
  buffers_->serve_waiters();
  if (!ledger_.flush()) statistics_.ledger_failed = true;
}

void Source::open_more() {
  const auto may = [this] { return is_idle_run() ? !stopping_ : wants_messages(); };
  while (may() && connecting_ < connecting_max && opened_first_ < connections_.size())
    open(*connections_[opened_first_++]);
}

void Source::open(SourceConnection& connection) {
  ++open_;
  ++connecting_;
  connection.open();
}

void Source::connected() {
  --connecting_;
  ++statistics_.connections;
  open_more();
}

// A ticket is good for one connection (RFC 8446 C.4), so each keeps its own.
tls::ClientAim Source::aim(std::uint32_t slot) {
  tls::ClientAim aim;
  if (plan_.options.resumption) aim.sessions = &tls_sessions_;
  aim.session_name = fmt::format("{}", slot);
  return aim;
}

void Source::handshake_over(bool resumed) {
  ++(resumed ? statistics_.handshakes.resumed : statistics_.handshakes.full);
}

void Source::handshake_failed(const std::string& why) {
  ++statistics_.handshakes.failed;
  statistics_.errors.add(why);
}

void Source::ready(SourceConnection& connection) {
  last_success_ = core_->now();
  const bool used_up = connection.messages_sent() >= plan_.options.messages_per_connection;
  if (is_idle_run() && !stopping_) {
    waiting_.push_back(&connection);
    statistics_.sessions_held.add();
  } else if (!wants_messages() || used_up) {
    connection.quit();
  } else if (pace_) {
    waiting_.push_back(&connection);
  } else {
    begin_message(connection, core_->now());
  }
}

void Source::begin_message(SourceConnection& connection, Instant due) {
  statistics_.begin(core_->now());
  const Content& content = plan_.contents[plan_.sequence[begun_ % plan_.sequence.size()]];
  const std::uint64_t number = begun_++ * plan_.options.threads + thread_;
  connection.send_message(content, number, due);
}

void Source::release_waiting() {
  while (!waiting_.empty() && wants_messages()) {
    const auto due = pace_->take(core_->now());
    if (!due) {
      core_->timers().arm(pace_timer_, pace_->next());
      return;
    }
    SourceConnection& connection = *waiting_.front();
    waiting_.pop_front();
    begin_message(connection, *due);
    connection.go_on();
  }
  if (!wants_messages()) end_waiting();
}

void Source::end_waiting() {
  for (SourceConnection* connection : std::exchange(waiting_, {})) {
    connection->quit();
    connection->go_on();
  }
}

void Source::forget_waiting(SourceConnection& connection) {
  const auto place = std::ranges::find(waiting_, &connection);
  if (place == waiting_.end()) return;
  waiting_.erase(place);
  if (is_idle_run()) statistics_.sessions_held.subtract();
}

void Source::message_over(const MessageId& id, const Content& content, Instant due,
                          const smtp::RecipientDone& outcome) {
  const Instant now = core_->now();
  statistics_.end(now);
  if (outcome.reply.severity() == 2) {
    ++statistics_.messages;
    statistics_.octets += content.octets();
    statistics_.latency.record(static_cast<std::uint64_t>((now - due).ns));
    if (!plan_.options.ledger.empty()) ledger_.add(to_text(id));
    return;
  }
  ++statistics_.failed;
  if (outcome.uncertain) ++statistics_.uncertain;
  statistics_.errors.add(fmt::format("{} {}", outcome.reply.code, outcome.reply.text));
}

void Source::session_lost(SourceConnection& connection, const std::string& why) {
  ++statistics_.sessions_lost;
  statistics_.errors.add(why);
  forget_waiting(connection);
}

void Source::connection_over(SourceConnection& connection, const std::string& error) {
  --open_;
  const bool never_stood = !error.empty();
  if (never_stood) --connecting_;
  if (never_stood && !stopping_) statistics_.errors.add(error);
  if (wants_messages() && connection.messages_sent() == 0)
    try_again(connection);
  else if (wants_messages())
    open(connection);
  open_more();
  finish_if_over();
}

// A server may be starting, or be busy: it is asked again, for as long as patience lasts.
void Source::try_again(SourceConnection& connection) {
  if (core_->now() - last_success_ < plan_.options.patience) {
    ++pausing_;
    connection.open_after(retry_pause);
    return;
  }
  statistics_.gave_up = true;
  wind_down();
}

void Source::pause_over(SourceConnection& connection) {
  --pausing_;
  if (wants_messages()) open(connection);
  finish_if_over();
}

// No more messages: those who wait quit now, the others when their message is done.
void Source::wind_down() {
  if (std::exchange(stopping_, true)) return;
  end_waiting();
  for (const auto& connection : connections_)
    if (connection->forget_reopening()) --pausing_;
  core_->timers().arm(run_timer_, core_->now() + wind_down_limit);
  finish_if_over();
}

void Source::time_is_up() {
  if (!stopping_) return wind_down();
  for (const auto& connection : connections_) connection->abort();
}

void Source::stop_asked(ring::Message& message) {
  static_cast<StopMessage&>(message).source.wind_down();
}

void Source::finish_if_over() {
  if (open_ == 0 && pausing_ == 0) core_->stop();
}

}  // namespace ringpost::load
