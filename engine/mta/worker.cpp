// Worker: see worker.h.
#include "engine/mta/worker.h"

#include <algorithm>

namespace ringpost::mta {
namespace {

// Sessions in the middle of a message get this long to end it when the daemon stops.
constexpr Duration drain_max = seconds(10);
constexpr std::uint16_t receive_buffers = 1024;
constexpr std::uint32_t receive_buffer_bytes = 32 * 1024;

// The kernel closes, without a word, a connection for which no direct descriptor is free: so some
// stay for those that are turned away with a reply.
std::uint64_t connections_of_core(const conf::Config& config, unsigned direct_files_max) {
  return std::min<std::uint64_t>(config.smtp.connections_max,
                                 direct_files_max - direct_files_max / 16);
}

}  // namespace

std::expected<std::unique_ptr<Worker>, Fault> Worker::create(WorkerSetup setup) {
  ring::CoreOptions options;
  options.index = setup.index;
  auto core = ring::Core::create(options);
  if (!core) return std::unexpected(core.error());
  std::unique_ptr<Worker> self(new Worker(std::move(setup), std::move(*core)));
  if (auto done = self->set_up(); !done) return std::unexpected(done.error());
  return self;
}

Worker::Worker(WorkerSetup setup, std::unique_ptr<ring::Core> core)
    : setup_(std::move(setup)),
      core_(std::move(core)),
      parts_{.core = *core_,
             .metrics = setup_.metrics,
             .events = setup_.events,
             .connection_counts = setup_.connection_counts,
             .users = setup_.users,
             .generation = setup_.generation} {}

std::expected<void, Fault> Worker::set_up() {
  memory::BufferRingOptions buffer_options;
  buffer_options.buffers = receive_buffers;
  buffer_options.buffer_bytes = receive_buffer_bytes;
  auto buffers = memory::BufferRing::create(core_->ring(), buffer_options);
  if (!buffers) return std::unexpected(buffers.error());
  buffers_ = std::move(*buffers);

  const SpoolerOptions spooler_options;
  auto staging = disk::AlignedMemory::map(spooler_options.staging_octets);
  if (!staging) return std::unexpected(staging.error());
  const conf::Config& config = setup_.generation->config;
  DispatcherOptions dispatcher_options;
  dispatcher_options.attempts_max =
      std::max<std::size_t>(1, (config.engine.deliveries_max + setup_.cores - 1) / setup_.cores);

  parts_.buffers = buffers_.get();
  parts_.index = &index_;
  spooler_ = std::make_unique<Spooler>(parts_, setup_.segments, index_, spooler_options,
                                       std::move(*staging), setup_.recovered.last_id);
  parts_.spooler = spooler_.get();
  dispatcher_ = std::make_unique<Dispatcher>(parts_, setup_.segments, index_, dispatcher_options);
  parts_.dispatcher = dispatcher_.get();
  upkeep_ = std::make_unique<SpoolUpkeep>(parts_, setup_.segments, index_);

  observe::CoreMetrics& metrics = setup_.metrics;
  metrics.memory.receive_buffers.max.set(receive_buffers);
  metrics.session.connections.max.set(
      connections_of_core(config, core_->ring().direct_files_max()));
  core_->at_turn_end([this] { end_of_turn(); });
  return {};
}

Worker::~Worker() {
  core_->timers().disarm(drain_timer_);
  listeners_.clear();
}

void Worker::meet(std::span<Worker* const> all) {
  all_.assign(all.begin(), all.end());
  std::vector<Dispatcher*> dispatchers;
  std::vector<SpoolUpkeep*> upkeeps;
  for (Worker* worker : all) {
    dispatchers.push_back(worker->dispatcher_.get());
    upkeeps.push_back(worker->upkeep_.get());
  }
  dispatcher_->meet(std::move(dispatchers));
  upkeep_->meet(std::move(upkeeps));
}

// The segments first, then what lies in them, then what that means for the segments.
void Worker::take_over(RecoveredShare recovered) {
  for (const store::SegmentId segment : recovered.segments) index_.add_segment(segment, true);
  for (const auto& borrowed : recovered.borrowed) {
    index_.add_segment(borrowed.segment, false);
    upkeep_->borrow(borrowed.segment, borrowed.owner);
  }
  for (const store::SegmentId segment : recovered.lent) index_.lease(segment);
  for (const auto& reliance : recovered.reliances) index_.rely(reliance.tombstone, reliance.copy);
  for (const store::MessageSummary& message : recovered.messages) dispatcher_->recovered(message);
  for (const store::SegmentId segment : recovered.segments) index_.seal_recovered(segment);
  for (const auto& borrowed : recovered.borrowed) index_.seal_recovered(borrowed.segment);
}

std::expected<void, Fault> Worker::listen() {
  for (std::size_t i = 0; i < setup_.listening_files.size(); ++i) {
    listeners_.push_back(std::make_unique<net::Listener>(
        *core_, setup_.listening_files[i].release(), [this, i](int file) { accepted(i, file); }));
    if (auto started = listeners_.back()->start(); !started)
      return std::unexpected(started.error());
  }
  return {};
}

void Worker::run() {
  take_over(std::move(setup_.recovered));
  upkeep_->start();
  core_->run([this] { return finished(); });
}

void Worker::accepted(std::size_t listener, int direct_file) {
  const std::uint64_t number = ++session_count_;
  const observe::SessionId id{static_cast<std::uint64_t>(setup_.index) << 56 | number};
  const Generation& generation = *parts_.generation;
  const ListenAddress& address =
      listener < generation.listeners.size() ? generation.listeners[listener] : generation.local;
  auto* connection = new Inbound(parts_, *this, address, id);
  connection->next = first_;
  if (first_ != nullptr) first_->previous = connection;
  first_ = connection;
  ++connections_;
  connection->start(direct_file);
  // The kernel had accepted it before the listener stopped.
  if (draining_) connection->shut_down();
}

void Worker::inbound_ended(Inbound& connection) {
  (connection.previous != nullptr ? connection.previous->next : first_) = connection.next;
  if (connection.next != nullptr) connection.next->previous = connection.previous;
  --connections_;
  delete &connection;
}

void Worker::end_of_turn() {
  if (core_->stopping() && !draining_) begin_drain();
  dispatcher_->start_due();
  upkeep_->run_due();
  spooler_->flush();
  buffers_->serve_waiters();
  setup_.metrics.memory.receive_buffers.used.set(buffers_->buffers_max() -
                                                 buffers_->buffers_free());
  setup_.metrics.ring.turns.add();
}

void Worker::pause_listeners(bool paused) {
  if (draining_) return;
  for (auto& listener : listeners_) paused ? listener->stop() : listener->resume();
}

void Worker::begin_drain() {
  draining_ = true;
  for (auto& listener : listeners_) listener->stop();
  dispatcher_->stop();
  upkeep_->stop();
  spooler_->wake_room_waiters();
  core_->timers().arm(drain_timer_, core_->now() + drain_max);
  for (Inbound* connection = first_; connection != nullptr;) {
    Inbound* const next = connection->next;
    connection->shut_down();
    connection = next;
  }
}

void Worker::drain_time_over() {
  for (Inbound* connection = first_; connection != nullptr; connection = connection->next)
    connection->abort();
}

// Attempts cross cores, so a core goes only when all have nothing left.
bool Worker::finished() {
  const bool listeners_done =
      std::ranges::all_of(listeners_, [](const auto& listener) { return listener->finished(); });
  idle_ = draining_ && connections_ == 0 && listeners_done && dispatcher_->idle() &&
          upkeep_->idle() && spooler_->idle();
  return std::ranges::all_of(all_, [](const Worker* worker) { return worker->idle_.load(); });
}

void Worker::stop() { core_->stop(); }

void Worker::Call::arrived(ring::Message& message) {
  const std::unique_ptr<Call> call(static_cast<Call*>(&message));
  call->call(call->target);
}

void Worker::post(std::function<void(Worker&)> call) {
  core_->post(*new Call(*this, std::move(call)));
}

void Worker::segments_changed() {
  if (!segments_note_.under_way.exchange(true)) core_->post(segments_note_);
}

void Worker::SegmentsNote::arrived(ring::Message& message) {
  auto& note = static_cast<SegmentsNote&>(message);
  note.under_way = false;
  note.target.spooler_->provision();
}

}  // namespace ringpost::mta
