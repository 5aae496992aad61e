// Server: see server.h. The order of the start: locks, log, spool and its recovery, ports, workers,
// control socket.
#include "engine/mta/server.h"

#include <algorithm>
#include <cerrno>

#include <signal.h>
#include <unistd.h>

#include "engine/mta/listen_addresses.h"
#include "engine/ring/clock.h"

namespace ringpost::mta {
namespace {

// With SO_REUSEPORT two daemons of the same user could share a port without noticing: a socket that
// does not share finds out first.
std::expected<void, Fault> check_port_is_free(const net::Address& address) {
  const int file = socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (file < 0) return std::unexpected(Fault{"socket", errno, address.to_text()});
  const int on = 1;
  setsockopt(file, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (address.family() == AF_INET6) setsockopt(file, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  const bool free = bind(file, address.kernel(), address.kernel_bytes()) == 0;
  const int error = errno;
  close(file);
  if (free) return {};
  return std::unexpected(Fault{"listen on", error, address.to_text()});
}

}  // namespace

std::expected<std::unique_ptr<Server>, Fault> Server::start(
    ServerOptions options, std::shared_ptr<Generation> generation) {
  std::unique_ptr<Server> self(new Server(std::move(options)));
  if (auto opened = self->open(std::move(generation)); !opened)
    return std::unexpected(opened.error());
  return self;
}

std::expected<void, Fault> Server::open(std::shared_ptr<Generation> generation) {
  generation_ = std::move(generation);
  const conf::Config& config = generation_->config;
  const unsigned cores = config.engine.cores != 0
                             ? config.engine.cores
                             : std::clamp(std::thread::hardware_concurrency(), 1u, conf::cores_max);
  if (auto made = make_folders(options_.home.run); !made) return made;
  auto lock = FileLock::take(options_.home.lock_file());
  if (!lock) return std::unexpected(lock.error());
  lock_ = std::move(*lock);

  observe::EventLogOptions log_options;
  log_options.cores = cores;
  log_options.path = config.engine.log_path;
  log_options.level = options_.level;
  auto log = observe::EventLog::open(std::move(log_options));
  if (!log) return std::unexpected(log.error());
  log_ = std::move(*log);

  if (auto spool = open_spool(config, cores); !spool) return spool;
  auto files = bind_all(cores);
  if (!files) return std::unexpected(files.error());
  if (auto local = open_local_socket(*files); !local) return local;
  for (unsigned i = 0; i < cores; ++i) metrics_.push_back(std::make_unique<observe::CoreMetrics>());
  gate_ = std::make_unique<StartGate>(cores);
  workers_.resize(cores);
  for (unsigned i = 0; i < cores; ++i) {
    WorkerSetup setup{.index = i,
                      .segments = *segments_,
                      .connection_counts = connection_counts_,
                      .users = users_,
                      .metrics = *metrics_[i],
                      .events = log_->core(i),
                      .generation = generation_,
                      .listening_files = std::move((*files)[i]),
                      .recovered = std::move(recovered_.shares[i]),
                      .cores = cores};
    threads_.emplace_back(
        [this, i, given = std::move(setup)]() mutable { run_worker(i, std::move(given), *gate_); });
  }
  return start_workers();
}

std::expected<void, Fault> Server::open_spool(const conf::Config& config, unsigned cores) {
  const std::string path = config.spool.path.empty() ? options_.home.spool : config.spool.path;
  if (auto made = make_folders(path); !made) return made;
  auto lock = FileLock::take(path + "/lock");
  if (!lock) return std::unexpected(lock.error());
  spool_lock_ = std::move(*lock);
  SegmentStoreOptions options;
  options.path = path;
  options.segment_octets = static_cast<std::uint32_t>(config.spool.segment_octets);
  options.ready_wanted = config.spool.segments_ready * cores;
  options.free_octets_min = config.spool.free_octets_min;
  auto segments = SegmentStore::open(std::move(options));
  if (!segments) return std::unexpected(segments.error());
  segments_ = std::move(*segments);
  auto recovered = recover(*segments_, cores, *log_);
  if (!recovered) return std::unexpected(recovered.error());
  recovered_ = std::move(*recovered);
  return {};
}

// One socket per core and address. All are bound before any listens, so that a port that is taken
// stops the start.
std::expected<std::vector<std::vector<net::BoundSocket>>, Fault> Server::bind_all(
    unsigned cores) const {
  std::vector<std::vector<net::BoundSocket>> files(cores);
  for (const ListenAddress& listener : generation_->listeners) {
    if (auto free = check_port_is_free(listener.address); !free)
      return std::unexpected(free.error());
    for (std::vector<net::BoundSocket>& of_core : files) {
      auto file = net::bind_socket(listener.address);
      if (!file) return std::unexpected(file.error());
      of_core.emplace_back(*file);
    }
  }
  return files;
}

// All cores listen on the same one: who connects there is few.
std::expected<void, Fault> Server::open_local_socket(
    std::vector<std::vector<net::BoundSocket>>& files) {
  if (auto open = let_others_through(options_.home.run); !open) return open;
  auto socket = LocalSocket::bind(options_.home.smtp_socket());
  if (!socket) return std::unexpected(socket.error());
  local_socket_ = std::move(*socket);
  for (std::vector<net::BoundSocket>& of_core : files) {
    const auto file = local_socket_.duplicate();
    if (!file) return std::unexpected(file.error());
    of_core.emplace_back(*file);
  }
  return {};
}

void Server::run_worker(unsigned index, WorkerSetup setup, StartGate& gate) {
  auto worker = Worker::create(std::move(setup));
  if (!worker) gate.fail(worker.error());
  workers_[index] = worker ? worker->get() : nullptr;
  gate.made.arrive_and_wait();
  if (gate.failure) return;
  (*worker)->meet(workers_);
  gate.met.arrive_and_wait();
  if (auto listening = (*worker)->listen(); !listening) {
    gate.fail(listening.error());
    (*worker)->stop();
  }
  gate.listening.arrive_and_wait();
  (*worker)->run();
  // Other cores look at this one until all have finished.
  gate.finished.arrive_and_wait();
  // The thread that makes segments may be at work still; it must not find a worker that has gone.
  segments_->end_announcements();
  users_.settle();
}

std::expected<void, Fault> Server::start_workers() {
  StartGate& gate = *gate_;
  gate.made.arrive_and_wait();
  if (gate.failure) return std::unexpected(*gate.failure);
  gate.met.arrive_and_wait();
  segments_->start(recovered_.segment_max, [this] {
    for (Worker* worker : workers_) worker->segments_changed();
  });
  gate.listening.arrive_and_wait();
  running_ = true;
  if (gate.failure) return std::unexpected(*gate.failure);
  if (auto control = open_control(); !control) return control;
  announce();
  return {};
}

std::expected<void, Fault> Server::open_control() {
  std::vector<const observe::CoreMetrics*> metrics;
  for (const auto& one : metrics_) metrics.push_back(one.get());
  const pthread_t main_thread = pthread_self();
  commands_ =
      std::make_unique<ControlCommands>(workers_, *log_, std::move(metrics), [this, main_thread] {
        stop_reason_ = "control request";
        pthread_kill(main_thread, SIGTERM);
      });
  auto control = ControlServer::open(options_.home.control_socket());
  if (!control) return std::unexpected(control.error());
  control_ = std::move(*control);
  commands_->register_on(*control_);
  control_->start();
  return {};
}

void Server::announce() {
  const conf::Config& config = generation_->config;
  const WallTime now = ring::wall_now();
  log_->emit(now,
             observe::ConfigLoaded{.file = options_.config_path,
                                   .listeners = static_cast<std::uint32_t>(config.listeners.size()),
                                   .rules = static_cast<std::uint32_t>(config.rules.size()),
                                   .tables = static_cast<std::uint32_t>(config.tables.size())});
  for (const ListenAddress& listener : generation_->listeners) {
    const std::string host = listener.address.host();
    log_->emit(now, observe::Listening{
                        .address = host, .port = listener.address.port(), .tag = listener.tag});
  }
  log_->emit(
      now, observe::Started{.version = options_.version,
                            .cores = static_cast<std::uint32_t>(workers_.size()),
                            .listeners = static_cast<std::uint32_t>(generation_->listeners.size()),
                            .pid = getpid(),
                            .home = options_.home.folder});
}

void Server::wait() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, signal);
  while (true) {
    int signal = 0;
    if (sigwait(&signals, &signal) != 0) continue;
    if (signal != SIGHUP) {
      if (stop_reason_.empty()) stop_reason_ = signal == SIGTERM ? "SIGTERM" : "SIGINT";
      return;
    }
    log_->request_reopen();
  }
}

Server::~Server() {
  const WallTime began = ring::wall_now();
  if (log_ != nullptr && running_)
    log_->emit(began,
               observe::Stopping{.reason = stop_reason_, .sessions = connection_counts_.total()});
  // First the ways in from outside: nobody asks a core for anything that is about to go.
  control_.reset();
  local_socket_.remove();
  if (running_) {
    for (Worker* worker : workers_) worker->stop();
    // Only now may they go: stop() looks at them to its end.
    gate_->finished.arrive_and_drop();
  }
  for (std::thread& thread : threads_) thread.join();
  local_socket_ = LocalSocket();
  segments_.reset();
  if (log_ == nullptr || !running_) return;
  std::uint64_t queued = 0;
  for (const auto& metrics : metrics_) queued += metrics->delivery.messages_queued.value();
  const WallTime now = ring::wall_now();
  log_->emit(now, observe::Stopped{.messages_queued = queued, .elapsed = now - began});
}

}  // namespace ringpost::mta
