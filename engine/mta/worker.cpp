// Worker: see worker.h.
#include "engine/mta/worker.h"

#include <algorithm>

namespace ringpost::mta {
namespace {

// Of servers that let us go on with a session of before; a few KiB each.
constexpr std::size_t client_sessions_max = 2'000;

// Sessions in the middle of a message, and attempts, get this long to end when the daemon stops.
constexpr Duration drain_max = seconds(10);
// What is still under way then is told; the Server ends the process a little later.
constexpr Duration hung_after = seconds(20);
constexpr Duration relief_interval = milliseconds(250);
constexpr std::uint64_t set_aside_octets_max = std::uint64_t{8} << 20;
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
             .generation = setup_.generation,
             .offline_uid = setup_.offline_uid,
             .auth = &setup_.auth},
      native_(setup_.counters, setup_.index) {}

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
  const conf::EngineSettings& settings = setup_.generation->config.engine;
  AgentLimits agent_limits;
  agent_limits.per_user_max = std::max(1u, settings.deliveries_per_user_max);
  agent_limits.shared_max = std::max(1u, settings.deliveries_max);
  agents_ = std::make_unique<Agents>(*core_, setup_.parent, agent_limits);
  parts_.agents = agents_.get();
  enquiries_ = std::make_unique<Enquiries>(parts_);
  parts_.enquiries = enquiries_.get();
  authentications_ = std::make_unique<Authentications>(parts_);
  parts_.authentications = authentications_.get();
  auto resolver = Resolver::create(*core_, *buffers_, setup_.metrics.resolver);
  if (!resolver) return std::unexpected(resolver.error());
  resolver_ = std::move(*resolver);
  parts_.resolver = resolver_.get();
  filters_ = std::make_unique<FilterProcesses>(FilterSetup{.core = *core_,
                                                           .events = setup_.events,
                                                           .metrics = setup_.filter_metrics,
                                                           .parent = setup_.parent});
  parts_.filters = filters_.get();
  parts_.native = &native_;
  parts_.rates = &setup_.rates;
  parts_.greeted = &setup_.greeted;
  keys_ = std::make_unique<KeyLink>(*core_, setup_.parent);
  parts_.signer = keys_.get();
  client_sessions_ = std::make_unique<tls::SessionStore>(client_sessions_max);
  parts_.client_sessions = client_sessions_.get();
  parts_.buffers = buffers_.get();
  parts_.index = &index_;
  spooler_ = std::make_unique<Spooler>(parts_, setup_.segments, index_, spooler_options,
                                       std::move(*staging), setup_.recovered.last_id);
  parts_.spooler = spooler_.get();
  decisions_ = std::make_unique<DecisionLog>(*core_, setup_.decisions, setup_.metrics.decision,
                                             setup_.events);
  parts_.decisions = decisions_.get();
  dmarc_rows_ = std::make_unique<DmarcRows>(*core_, setup_.dmarc_folder, setup_.index,
                                            setup_.metrics.dmarc, setup_.events);
  parts_.dmarc_rows = dmarc_rows_.get();
  parts_.dmarc_failures = setup_.dmarc_failures;
  parts_.public_keys = &public_keys_;
  dispatcher_ = std::make_unique<Dispatcher>(parts_, setup_.segments, index_, DispatcherOptions{});
  parts_.dispatcher = dispatcher_.get();
  upkeep_ = std::make_unique<SpoolUpkeep>(parts_, setup_.segments, index_);

  setup_.metrics.memory.receive_buffers.max.set(receive_buffers);
  setup_.metrics.auth.under_way.max.set(authentications_max);
  setup_.metrics.memory.set_aside_octets.max.set(set_aside_octets_max);
  use(setup_.generation);
  core_->at_turn_end([this] { end_of_turn(); });
  return {};
}

// The copies that sessions take are counted by this core alone: the count of `generation` itself
// belongs to all cores.
void Worker::use(const std::shared_ptr<const Generation>& generation) {
  auto of_this_core = std::make_shared<std::shared_ptr<const Generation>>(generation);
  const Generation* const plain = generation.get();
  parts_.generation = std::shared_ptr<const Generation>(std::move(of_this_core), plain);
  parts_.patterns.clear();
  resolver_->use(generation->resolver);
  const conf::Config& config = generation->config;
  parts_.connections_max = connections_of_core(config, core_->ring().direct_files_max());
  // One limit for all cores: shown once, not added up.
  if (setup_.index == 0)
    setup_.metrics.session.connections.max.set(std::min<std::uint64_t>(
        config.smtp.connections_max, parts_.connections_max * setup_.cores));
  if (setup_.index == 0)
    setup_.metrics.session.certificate_end.set(first_end(generation->certificates));
  dispatcher_->use_generation();
  dispatcher_->allow_attempts(
      std::max<std::size_t>(1, (config.engine.deliveries_max + setup_.cores - 1) / setup_.cores));
}

Worker::~Worker() {
  core_->drop_messages();
  core_->timers().disarm(drain_timer_);
  core_->timers().disarm(hung_timer_);
  listeners_.clear();
  closing_listeners_.clear();
}

void Worker::meet(std::span<Worker* const> all) {
  all_.assign(all.begin(), all.end());
  std::vector<Dispatcher*> dispatchers;
  std::vector<SpoolUpkeep*> upkeeps;
  std::vector<FilterProcesses*> filters;
  for (Worker* worker : all) {
    dispatchers.push_back(worker->dispatcher_.get());
    upkeeps.push_back(worker->upkeep_.get());
    filters.push_back(worker->filters_.get());
  }
  dispatcher_->meet(std::move(dispatchers));
  upkeep_->meet(std::move(upkeeps));
  filters_->meet(std::move(filters));
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
  for (store::MessageSummary& message : recovered.messages)
    dispatcher_->recovered(std::move(message));
  for (const auto& error : recovered.errors)
    dispatcher_->restore_error(error.id, error.recipient, error.text);
  for (const store::SegmentId segment : recovered.segments) index_.seal_recovered(segment);
  for (const auto& borrowed : recovered.borrowed) index_.seal_recovered(borrowed.segment);
}

std::expected<void, Fault> Worker::listen() {
  for (std::size_t i = 0; i < setup_.listening_files.size(); ++i) {
    std::optional<net::Address> address;  // none behind those of the generation: the local socket
    if (i < parts_.generation->listeners.size()) address = parts_.generation->listeners[i].address;
    auto opened = open_listener(address, setup_.listening_files[i].release());
    if (!opened) return opened;
  }
  find_listeners();
  return {};
}

std::expected<void, Fault> Worker::open_listener(std::optional<net::Address> address, int file) {
  auto open = std::make_unique<OpenListener>();
  open->address = address;
  open->listener = std::make_unique<net::Listener>(
      *core_, file,
      [this, self = open.get()](int accepted_file) { accepted(*self, accepted_file); });
  listeners_.push_back(std::move(open));
  return listeners_.back()->listener->start();
}

// Which listener of the present generation each open one is. Those that are none close; whoever
// comes in through one at this moment belongs to the generation before.
void Worker::find_listeners() {
  const std::vector<ListenAddress>& wanted = parts_.generation->listeners;
  std::erase_if(listeners_, [&](std::unique_ptr<OpenListener>& open) {
    const auto found = std::ranges::find_if(
        wanted, [&open](const ListenAddress& one) { return one.address == open->address; });
    if (!open->address || found != wanted.end()) {
      open->generation = parts_.generation;
      open->index = static_cast<std::size_t>(found - wanted.begin());
      return false;
    }
    open->listener->stop();
    closing_listeners_.push_back(std::move(open));
    return true;
  });
}

void Worker::adopt(Adoption adoption) {
  if (draining_) return;
  use(adoption.generation);
  filters_->use(adoption.generation->config);
  for (std::size_t i = 0; i < adoption.sockets.size(); ++i) {
    const int file = adoption.sockets[i].release();
    if (auto opened = open_listener(adoption.addresses[i].address, file); !opened)
      parts_.events.emit(core_->wall(),
                         observe::FaultSeen{.where = "listen", .fault = opened.error()});
    if (paused_) listeners_.back()->listener->stop();
  }
  find_listeners();
}

void Worker::run() {
  take_over(std::exchange(setup_.recovered, {}));
  upkeep_->start();
  filters_->use(parts_.generation->config);
  core_->run([this] { return finished(); });
}

void Worker::accepted(const OpenListener& listener, int direct_file) {
  const std::uint64_t number = ++session_count_;
  const observe::SessionId id{static_cast<std::uint64_t>(setup_.index) << 56 | number};
  const Generation& generation = *listener.generation;
  const ListenAddress& address =
      listener.address ? generation.listeners[listener.index] : generation.local;
  auto* connection = new Inbound(parts_, *this, listener.generation, address, id);
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
  filters_->end_of_turn();
  dispatcher_->end_of_turn();
  upkeep_->run_due();
  spooler_->flush();
  decisions_->end_of_turn();
  dmarc_rows_->end_of_turn();
  resolver_->end_of_turn();
  keys_->end_of_turn();
  relieve_buffers();
  buffers_->serve_waiters();
  std::erase_if(closing_listeners_, [](const auto& open) { return open->listener->finished(); });
  setup_.metrics.memory.receive_buffers.used.set(buffers_->buffers_max() -
                                                 buffers_->buffers_free());
  setup_.metrics.ring.turns.add();
}

void Worker::pause_listeners(bool paused) {
  if (draining_) return;
  paused_ = paused;
  for (auto& open : listeners_) paused ? open->listener->stop() : open->listener->resume();
}

void Worker::begin_drain() {
  draining_ = true;
  for (auto& open : listeners_) open->listener->stop();
  dispatcher_->stop();
  upkeep_->stop();
  authentications_->stop();
  spooler_->wake_room_waiters();
  core_->timers().arm(drain_timer_, core_->now() + drain_max);
  core_->timers().arm(hung_timer_, core_->now() + hung_after);
  for (Inbound* connection = first_; connection != nullptr;) {
    Inbound* const next = connection->next;
    connection->shut_down();
    connection = next;
  }
}

void Worker::drain_time_over() {
  for (Inbound* connection = first_; connection != nullptr; connection = connection->next)
    connection->abort();
  dispatcher_->abort();
  agents_->abort();
}

void Worker::report_hung() { dispatcher_->report_hung(); }

// Buffers serve whoever makes progress: those of peers that do not read their replies are taken
// back when few are left.
void Worker::relieve_buffers() {
  if (buffers_->buffers_free() >= buffers_->buffers_max() / 8 || core_->now() < next_relief_)
    return;
  next_relief_ = core_->now() + relief_interval;
  for (Inbound* connection = first_; connection != nullptr; connection = connection->next)
    connection->give_back_buffers();
}

// Attempts cross cores, so a core goes only when all have nothing left.
bool Worker::finished() {
  const auto is_done = [](const auto& open) { return open->listener->finished(); };
  const bool listeners_done =
      std::ranges::all_of(listeners_, is_done) && std::ranges::all_of(closing_listeners_, is_done);
  const bool nothing_left = draining_ && connections_ == 0 && listeners_done &&
                            dispatcher_->idle() && upkeep_->idle() && spooler_->idle() &&
                            decisions_->idle() && dmarc_rows_->idle() && enquiries_->idle() &&
                            authentications_->idle();
  if (nothing_left) {
    resolver_->close();
    keys_->close();
    filters_->close();
  }
  idle_ = nothing_left && resolver_->idle() && keys_->is_closed() && filters_->idle();
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
