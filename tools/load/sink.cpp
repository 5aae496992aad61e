// The sink's part of one thread; see sink.h.
#include "tools/load/sink.h"

#include <limits>

#include "tools/load/sink_connection.h"

namespace ringpost::load {
namespace {

// A sink refuses nothing that it can help to refuse.
constexpr smtp::SessionLimits sink_limits{
    .recipients_max = 100'000,
    .messages_max = std::numeric_limits<std::uint32_t>::max(),
    .message_octets_max = 1ull << 40,
    .errors_max = 1'000,
    .received_fields_max = std::numeric_limits<std::uint32_t>::max(),
    .idle = seconds(7 * 86'400),
    .total = seconds(7 * 86'400),
};

}  // namespace

std::expected<std::unique_ptr<Sink>, Fault> Sink::create(const Options& options, unsigned thread,
                                                         Statistics& statistics) {
  std::unique_ptr<Sink> self(new Sink(options, statistics));
  auto core = ring::Core::create({.index = thread});
  if (!core) return std::unexpected(core.error());
  self->core_ = std::move(*core);
  auto buffers = memory::BufferRing::create(self->core_->ring(), {});
  if (!buffers) return std::unexpected(buffers.error());
  self->buffers_ = std::move(*buffers);
  const auto file = net::bind_socket(options.target);
  if (!file) return std::unexpected(file.error());
  self->listener_ = std::make_unique<net::Listener>(
      *self->core_, *file, [sink = self.get()](int accepted) { sink->accepted(accepted); });
  if (const auto started = self->listener_->start(); !started)
    return std::unexpected(started.error());
  return self;
}

Sink::Sink(const Options& options, Statistics& statistics)
    : options_(options), statistics_(statistics), limits_(sink_limits) {}

Sink::~Sink() = default;

void Sink::accepted(int direct_file) {
  connections_.push_back(std::make_unique<SinkConnection>(*this, direct_file));
  connections_.back()->place = std::prev(connections_.end());
}

void Sink::connection_over(SinkConnection& connection) { over_.push_back(&connection); }

void Sink::run_to_end() {
  core_->at_turn_end([this] {
    buffers_->serve_waiters();
    for (SinkConnection* connection : over_) connections_.erase(connection->place);
    over_.clear();
  });
  if (options_.run_time > Duration{})
    core_->timers().arm(run_timer_, core_->now() + options_.run_time);
  core_->run([this] { return finished(); });
  core_->timers().disarm(run_timer_);
}

bool Sink::finished() const { return connections_.empty() && listener_->finished(); }

void Sink::time_is_up() {
  if (stopping_) return;
  stopping_ = true;
  listener_->stop();
  for (const auto& connection : connections_) connection->shut_down();
  core_->stop();
}

void Sink::stop_asked(ring::Message& message) {
  static_cast<StopMessage&>(message).sink.time_is_up();
}

}  // namespace ringpost::load
