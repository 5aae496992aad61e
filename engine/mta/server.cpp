// Server: see server.h. The order of the start: locks, log, control socket, spool and its recovery,
// ports, workers, answers on the control socket.
#include "engine/mta/server.h"

#include <algorithm>
#include <cerrno>
#include <optional>

#include <fmt/ranges.h>
#include <signal.h>
#include <unistd.h>

#include "engine/mta/end_watch.h"
#include "engine/mta/listen_sockets.h"
#include "engine/mta/offline_folder.h"
#include "engine/process/confinement.h"
#include "engine/process/cpus.h"
#include "engine/ring/clock.h"

namespace ringpost::mta {
namespace {

// The last line is on its way to the log's own thread.
constexpr unsigned time_for_the_log_us = 300'000;
constexpr auto first_segments_limit = std::chrono::seconds(1);

// With a core for each processor, every core keeps to its own; else two may share one while another
// idles, for as long as a slice of the scheduler lasts. Fewer cores than processors are left to the
// kernel: another daemon would choose the same ones.
void keep_to_own_cpu(unsigned index, unsigned cores) {
  const std::vector<unsigned> cpus = process::allowed_cpus();
  if (cpus.size() == cores) static_cast<void>(process::keep_to_cpu(cpus[index]));
}

}  // namespace

std::expected<std::unique_ptr<Server>, Fault> Server::start(
    ServerOptions options, std::shared_ptr<Generation> generation) {
  std::unique_ptr<Server> self(new Server(std::move(options)));
  if (auto opened = self->open(std::move(generation)); !opened)
    return std::unexpected(opened.error());
  self->started_ = true;
  return self;
}

std::expected<void, Fault> Server::open(std::shared_ptr<Generation> generation) {
  users_.emplace();
  auth_.emplace(options_.parent);
  const conf::Config& config = generation->config;
  const unsigned cores = config.engine.cores != 0
                             ? config.engine.cores
                             : std::clamp(std::thread::hardware_concurrency(), 1u, conf::cores_max);
  if (auto made = make_folders(options_.home.run); !made) return made;
  auto lock = FileLock::take(options_.home.lock_file(), predecessor_wait_max);
  if (!lock) return std::unexpected(lock.error());
  lock_ = std::move(*lock);

  observe::EventLogOptions log_options;
  log_options.cores = cores;
  log_options.path = config.engine.log_path;
  log_options.level = options_.level;
  auto log = observe::EventLog::open(std::move(log_options));
  if (!log) return std::unexpected(log.error());
  log_ = std::move(*log);
  if (auto control = bind_control(); !control) return control;
  if (auto tables = open_tables(std::move(generation)); !tables) return tables;

  if (auto spool = open_spool(config, cores); !spool) return spool;
  keep_patterns(options_.config, *generation_);
  auto files = bind_listeners(generation_->listeners, cores, options_.parent, predecessor_wait_max);
  if (!files) return std::unexpected(files.error());
  if (auto local = open_local_socket(*files); !local) return local;
  for (unsigned i = 0; i < cores; ++i) metrics_.push_back(std::make_unique<observe::CoreMetrics>());
  gate_ = std::make_unique<StartGate>(cores);
  workers_.resize(cores);
  for (unsigned i = 0; i < cores; ++i) {
    WorkerSetup setup{.index = i,
                      .segments = *segments_,
                      .decisions = decisions_.get(),
                      .dmarc_folder = dmarc_folder_.get(),
                      .dmarc_failures = dmarc_folder_ == nullptr ? nullptr : &dmarc_failures_,
                      .connection_counts = connection_counts_,
                      .users = *users_,
                      .auth = *auth_,
                      .parent = options_.parent,
                      .metrics = *metrics_[i],
                      .filter_metrics = filter_metrics_,
                      .counters = counters_,
                      .rates = rates_,
                      .greeted = greeted_,
                      .events = log_->core(i),
                      .generation = generation_,
                      .offline_uid = intake_.uid_under_way(),
                      .listening_files = std::move((*files)[i]),
                      .recovered = std::move(recovered_.shares[i]),
                      .cores = cores};
    threads_.emplace_back(
        [this, i, given = std::move(setup)]() mutable { run_worker(i, std::move(given), *gate_); });
  }
  return start_workers();
}

// Only now: what it starts (threads, programs) belongs to the process that goes on.
std::expected<void, Fault> Server::open_tables(std::shared_ptr<Generation> generation) {
  sources_ = std::make_unique<TableSources>(*log_, options_.parent);
  retirement_.emplace();
  if (const auto errors = sources_->open(*generation); !errors.empty())
    return std::unexpected(Fault{"open", ENOENT, fmt::format("{}", fmt::join(errors, "; "))});
  generation_ = retirement_->watch(std::move(generation));
  return {};
}

std::expected<void, Fault> Server::open_spool(const conf::Config& config, unsigned cores) {
  const std::string& path = spool_folder(options_.home, config);
  if (auto made = make_folders(path); !made) return made;
  auto lock = FileLock::take(path + "/lock", predecessor_wait_max);
  if (!lock) return std::unexpected(lock.error());
  spool_lock_ = std::move(*lock);
  SegmentStoreOptions options;
  options.path = path;
  options.segment_octets = static_cast<std::uint32_t>(config.spool.segment_octets);
  options.ready_wanted = config.spool.segments_ready * cores;
  options.ready_low = cores;
  options.free_octets_min = config.spool.free_octets_min;
  auto segments = SegmentStore::open(std::move(options));
  if (!segments) return std::unexpected(segments.error());
  segments_ = std::move(*segments);
  auto recovered = recover(*segments_, cores, *log_);
  if (!recovered) return std::unexpected(recovered.error());
  recovered_ = std::move(*recovered);
  open_decisions(config);
  open_dmarc_folder(config);
  return {};
}

// Mail goes on without it.
void Server::open_decisions(const conf::Config& config) {
  auto file = DecisionFile::open(spool_folder(options_.home, config) + "/decisions",
                                 config.spool.decisions_octets);
  if (file) {
    decisions_ = std::move(*file);
  } else {
    log_->emit(ring::wall_now(), observe::FaultSeen{.where = "decisions", .fault = file.error()});
  }
}

void Server::open_dmarc_folder(const conf::Config& config) {
  auto folder =
      DmarcFolder::open(spool_folder(options_.home, config) + "/reports", ring::wall_now());
  if (folder) {
    dmarc_folder_ = std::move(*folder);
  } else {
    log_->emit(ring::wall_now(),
               observe::FaultSeen{.where = "DMARC reports", .fault = folder.error()});
  }
}

// All cores listen on the same one: who connects there is few.
std::expected<void, Fault> Server::open_local_socket(SocketsOfCores& files) {
  if (auto open = let_others_through(options_.home.run); !open) return open;
  auto socket = LocalSocket::bind(options_.home.smtp_socket(), options_.parent);
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
  keep_to_own_cpu(index, setup.cores);
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
  users_->settle();
  auth_->passwords.settle();
  auth_->pam.settle();
  sources_->settle();
}

std::expected<void, Fault> Server::start_workers() {
  StartGate& gate = *gate_;
  gate.made.arrive_and_wait();
  if (gate.failure) return std::unexpected(*gate.failure);
  // The rings are there, and nobody listens yet.
  std::expected<void, Fault> confined;
  if (options_.confined) confined = process::confine_calls(process::CallSet::Engine);
  gate.met.arrive_and_wait();
  segments_->start(recovered_.segment_max, [this] {
    for (Worker* worker : workers_) worker->segments_changed();
  });
  // The first mail of a new spool would else be written into segments that are not prepared.
  segments_->await_ready(static_cast<std::uint32_t>(workers_.size()), first_segments_limit);
  gate.listening.arrive_and_wait();
  running_ = true;
  if (gate.failure) return std::unexpected(*gate.failure);
  if (!confined) return confined;
  watchdog_.start(workers_, options_.parent);
  // Before anybody can ask for a reload, which reads anew.
  if (options_.adopts && options_.parent != nullptr) options_.parent->adopt_configuration();
  answer_control();
  announce_start();
  return start_intake();
}

std::expected<void, Fault> Server::start_intake() {
  OfflineIntakeOptions options;
  options.folder = options_.home.offline_folder();
  options.socket_path = options_.home.smtp_socket();
  options.message_octets_max = generation_->config.smtp.message_octets_max;
  if (auto made = make_offline_folder(options.folder); !made) return made;
  if (auto open = let_others_through(options_.home.spool); !open) return open;
  if (auto started = intake_.start(std::move(options), *log_); !started) return started;
  if (dmarc_folder_ != nullptr)
    reporter_.start(
        *dmarc_folder_, dmarc_failures_, workers_,
        [this](const submission::Submission& message) { return intake_.submit_own(message); },
        *log_);
  return {};
}

// Before any port is open: who has been greeted finds somebody to ask, too. Requests wait until
// answer_control().
std::expected<void, Fault> Server::bind_control() {
  auto control = ControlServer::open(options_.home.control_socket(), {}, options_.parent);
  if (!control) return std::unexpected(control.error());
  control_ = std::move(*control);
  return {};
}

void Server::answer_control() {
  std::vector<const observe::CoreMetrics*> metrics;
  for (const auto& one : metrics_) metrics.push_back(one.get());
  const pthread_t main_thread = pthread_self();
  reloader_ = std::make_unique<Reloader>(workers_, *log_, *sources_, *retirement_, options_.parent,
                                         options_.config, generation_);
  reloader_->watch_files();
  commands_ = std::make_unique<ControlCommands>(
      workers_, *log_, std::move(metrics), filter_metrics_, counters_, *reloader_,
      [this] { intake_.look_now(); }, reporter_,
      [this, main_thread] {
        asked_to_stop_ = true;
        pthread_kill(main_thread, SIGTERM);
      },
      options_.parent != nullptr ? options_.parent->restarts() : 0);
  commands_->register_on(*control_);
  control_->start();
}

void Server::announce_start() {
  announce(*log_, options_.config.path, *generation_);
  log_->emit(
      ring::wall_now(),
      observe::Started{.version = options_.version,
                       .cores = static_cast<std::uint32_t>(workers_.size()),
                       .listeners = static_cast<std::uint32_t>(generation_->listeners.size()),
                       .pid = getpid(),
                       .home = options_.home.folder});
}

void Server::wait() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGUSR1}) sigaddset(&signals, signal);
  Instant next_hour = ring::monotonic_now() + tls::TicketKeys::rotation;
  while (true) {
    const Duration left = std::max(next_hour - ring::monotonic_now(), milliseconds(1));
    const timespec patience{.tv_sec = left.seconds(), .tv_nsec = left.ns % 1'000'000'000};
    const int signal = sigtimedwait(&signals, nullptr, &patience);
    if (ring::monotonic_now() >= next_hour) {
      next_hour = ring::monotonic_now() + tls::TicketKeys::rotation;
      hour_passed();
    }
    if (signal == SIGHUP) log_->request_reopen();
    if (signal == SIGUSR1) reloader_->reload_certificates();
    if (signal != SIGTERM && signal != SIGINT) continue;
    stop_reason_ = signal == SIGTERM ? "SIGTERM" : "SIGINT";
    if (asked_to_stop_) stop_reason_ = "control request";
    return;
  }
}

void Server::hour_passed() {
  options_.config.tickets->rotate();
  if (++hours_ % 24 == 0) reloader_->tell_what_ends();
}

void Server::stop_all() {
  // One that could not start is tried again by the parent.
  if (options_.parent != nullptr && started_) options_.parent->tell_stopping();
  watchdog_.stop();
  // First the ways in from outside: nobody asks a core for anything that is about to go.
  control_.reset();
  reporter_.stop();
  intake_.stop();
  local_socket_.remove();
  reloader_.reset();
  if (running_) {
    for (Worker* worker : workers_) worker->stop();
    // Only now may they go: stop() looks at them to its end.
    gate_->finished.arrive_and_drop();
  }
  for (std::thread& thread : threads_) thread.join();
  local_socket_ = LocalSocket();
  users_.reset();
  auth_.reset();
  commands_.reset();
  generation_.reset();
  retirement_.reset();
  sources_.reset();
  segments_.reset();
}

// On the thread of the watch, while this one hangs in stop_all().
void Server::give_up() {
  std::uint64_t attempts = 0;
  for (const auto& metrics : metrics_) attempts += metrics->delivery.attempts.used.value();
  log_->emit(ring::wall_now(),
             observe::GivenUp{.attempts = attempts, .elapsed = options_.stop_max});
  usleep(time_for_the_log_us);
}

Server::~Server() {
  const WallTime began = ring::wall_now();
  if (log_ != nullptr && running_)
    log_->emit(began,
               observe::Stopping{.reason = stop_reason_, .sessions = connection_counts_.total()});
  {
    std::optional<EndWatch> watch;
    if (running_) watch.emplace(options_.stop_max, [this] { give_up(); });
    stop_all();
  }
  if (log_ == nullptr || !running_) return;
  std::uint64_t queued = 0;
  for (const auto& metrics : metrics_) queued += metrics->delivery.messages_queued.value();
  const WallTime now = ring::wall_now();
  log_->emit(now, observe::Stopped{.messages_queued = queued, .elapsed = now - began});
}

}  // namespace ringpost::mta
