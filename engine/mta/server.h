// Server: the whole daemon in one object: configuration, spool, workers on their threads, control
// socket. Made and driven by the main thread. Everything that can go wrong at the start is told
// before anything listens.
#pragma once

#include <atomic>
#include <expected>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "engine/mta/auth_service.h"
#include "engine/mta/control.h"
#include "engine/mta/control_commands.h"
#include "engine/mta/dmarc_reporter.h"
#include "engine/mta/home.h"
#include "engine/mta/listen_sockets.h"
#include "engine/mta/local_socket.h"
#include "engine/mta/offline_intake.h"
#include "engine/mta/random.h"
#include "engine/mta/rate_table.h"
#include "engine/mta/reloader.h"
#include "engine/mta/start_gate.h"
#include "engine/mta/table_sources.h"
#include "engine/mta/user_directory.h"
#include "engine/mta/watchdog.h"
#include "engine/mta/worker.h"
#include "engine/process/parent_link.h"
#include "engine/ring/clock.h"

namespace ringpost::mta {

struct ServerOptions {
  Home home;
  LoadWish config;  // how it was loaded, and is to be loaded again
  std::string version;
  process::ParentLink* parent = nullptr;  // outlives the server; null: there are no agents
  bool adopts = false;                    // the generation is what the parent has read last
  bool confined = false;                  // system calls are filtered before anything listens
  observe::Level level = observe::Level::Brief;
  // From the request to stop on; then the process ends with EndWatch::exit_status. Longer than a
  // Worker lets sessions and attempts end.
  Duration stop_max = seconds(25);
};

class Server {
 public:
  // `generation` has a checked configuration. Blocks until every listener accepts.
  static std::expected<std::unique_ptr<Server>, Fault> start(
      ServerOptions options, std::shared_ptr<Generation> generation);
  // Drains and ends all threads.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Blocks until SIGTERM or SIGINT, or until somebody asked through the control socket. The signals
  // must be blocked in all threads. SIGHUP opens the log file anew, SIGUSR1 reads certificates
  // anew.
  void wait();

 private:
  explicit Server(ServerOptions options) : options_(std::move(options)) {}
  std::expected<void, Fault> open(std::shared_ptr<Generation> generation);
  std::expected<void, Fault> open_tables(std::shared_ptr<Generation> generation);
  std::expected<void, Fault> open_spool(const conf::Config& config, unsigned cores);
  void open_decisions(const conf::Config& config);
  void open_dmarc_folder(const conf::Config& config);
  std::expected<void, Fault> open_local_socket(SocketsOfCores& files);
  std::expected<void, Fault> start_intake();
  std::expected<void, Fault> start_workers();
  std::expected<void, Fault> bind_control();
  void answer_control();
  void announce_start();
  void hour_passed();
  void stop_all();
  void give_up();
  void run_worker(unsigned index, WorkerSetup setup, StartGate& gate);

  ServerOptions options_;
  FileLock lock_;
  FileLock spool_lock_;
  LocalSocket local_socket_;
  OfflineIntake intake_;
  std::unique_ptr<observe::EventLog> log_;
  std::vector<std::unique_ptr<observe::CoreMetrics>> metrics_;
  observe::FilterMetrics filter_metrics_;
  observe::LabelledCounters counters_;
  RateTable rates_{random_key(), rate_table_sets, ring::monotonic_now()};
  RateTable greeted_{random_key(), rate_table_sets, ring::monotonic_now()};
  std::unique_ptr<TableSources> sources_;
  std::optional<Retirement> retirement_;  // outlives every generation
  std::shared_ptr<const Generation> generation_;
  ConnectionCounts connection_counts_;
  std::optional<UserDirectory> users_;  // made at the start, gone before the end is complete:
  std::optional<AuthService> auth_;     // likewise
  std::unique_ptr<SegmentStore> segments_;
  std::unique_ptr<DecisionFile> decisions_;    // none: it could not be opened
  std::unique_ptr<DmarcFolder> dmarc_folder_;  // likewise
  DmarcFailures dmarc_failures_;
  RecoveredState recovered_;
  std::vector<Worker*> workers_;  // each owned by its thread
  std::unique_ptr<StartGate> gate_;
  DmarcReporter reporter_;
  std::vector<std::thread> threads_;
  Watchdog watchdog_;
  std::unique_ptr<Reloader> reloader_;
  std::unique_ptr<ControlCommands> commands_;
  std::unique_ptr<ControlServer> control_;
  std::atomic<bool> asked_to_stop_{false};  // by the control socket
  std::string stop_reason_;
  bool running_ = false;
  bool started_ = false;  // all of it: what ends now is not to be made anew
  unsigned hours_ = 0;
};

}  // namespace ringpost::mta
