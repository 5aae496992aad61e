// Worker: everything of one core: its ring, buffers, spool log, queue, listeners and connections.
// Made, run and destroyed on its own thread; only stop() and post() are for other threads.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "engine/mta/agents.h"
#include "engine/mta/authentications.h"
#include "engine/mta/decision_log.h"
#include "engine/mta/dispatcher.h"
#include "engine/mta/dmarc_failures.h"
#include "engine/mta/dmarc_rows.h"
#include "engine/mta/enquiries.h"
#include "engine/mta/filter_processes.h"
#include "engine/mta/inbound.h"
#include "engine/mta/key_link.h"
#include "engine/mta/native_figures.h"
#include "engine/mta/recover.h"
#include "engine/mta/resolver.h"
#include "engine/mta/spool_upkeep.h"
#include "engine/mta/spooler.h"
#include "engine/mta/worker_parts.h"
#include "engine/net/listener.h"
#include "engine/tls/session_store.h"
#include "scan/sign/key_cache.h"

namespace ringpost::mta {

struct WorkerSetup {
  unsigned index = 0;
  SegmentStore& segments;
  DecisionFile* decisions = nullptr;        // shared by all cores
  DmarcFolder* dmarc_folder = nullptr;      // shared by all cores; null: no rows are kept
  DmarcFailures* dmarc_failures = nullptr;  // likewise
  ConnectionCounts& connection_counts;
  UserDirectory& users;
  AuthService& auth;
  process::ParentLink* parent = nullptr;
  observe::CoreMetrics& metrics;
  observe::FilterMetrics& filter_metrics;  // shared by all cores
  observe::LabelledCounters& counters;     // shared by all cores
  RateTable& rates;                        // shared by all cores
  RateTable& greeted;                      // shared by all cores
  observe::EventSink& events;
  std::shared_ptr<const Generation> generation;
  const std::atomic<std::uint32_t>& offline_uid;
  std::vector<net::BoundSocket>
      listening_files;  // one for each address of the generation, then the local socket
  RecoveredShare recovered;
  unsigned cores = 1;
};

// What a core takes over between two turns.
struct Adoption {
  std::shared_ptr<const Generation> generation;
  std::vector<net::BoundSocket> sockets;  // already listening, one for each of `addresses`
  std::vector<ListenAddress> addresses;   // those of the generation that are new
};

class Worker final : InboundOwner {
 public:
  static std::expected<std::unique_ptr<Worker>, Fault> create(WorkerSetup setup);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // All workers by index, before run().
  void meet(std::span<Worker* const> all);
  std::expected<void, Fault> listen();
  // Returns when stop() was called and nothing is left to do on any core.
  void run();

  // Any thread: no new connections, 421 to those that are there, no new attempts.
  void stop();
  // Any thread: `call` runs on this core.
  void post(std::function<void(Worker&)> call);
  // Any thread: the SegmentStore has changed.
  void segments_changed();

  // On this core only.
  Dispatcher& dispatcher() { return *dispatcher_; }
  const store::Index& index() const { return index_; }
  ring::Core& core() { return *core_; }
  WorkerParts& parts() { return parts_; }
  // New sessions and attempts use the new generation from here on; listeners that it does not name
  // close, those that it shares with the old one do not notice.
  void adopt(Adoption adoption);
  // `pause smtp`: no new connections; those that come wait in the listen queue.
  void pause_listeners(bool paused);
  std::size_t connections() const { return connections_; }

 private:
  struct Call : ring::Message {
    Call(Worker& to, std::function<void(Worker&)> what)
        : Message(&Call::arrived, &Call::dropped), target(to), call(std::move(what)) {}
    static void arrived(ring::Message& message);
    static void dropped(ring::Message& message) { delete static_cast<Call*>(&message); }
    Worker& target;
    std::function<void(Worker&)> call;
  };
  struct SegmentsNote : ring::Message {
    explicit SegmentsNote(Worker& to) : Message(&SegmentsNote::arrived), target(to) {}
    static void arrived(ring::Message& message);
    Worker& target;
    std::atomic<bool> under_way{false};
  };

  Worker(WorkerSetup setup, std::unique_ptr<ring::Core> core);
  std::expected<void, Fault> set_up();
  void take_over(RecoveredShare recovered);
  struct OpenListener {
    std::optional<net::Address> address;           // nothing: the local socket, which stays
    std::shared_ptr<const Generation> generation;  // the last one that named it
    std::size_t index = 0;                         // in its listeners
    std::unique_ptr<net::Listener> listener;
  };
  std::expected<void, Fault> open_listener(std::optional<net::Address> address, int file);
  void find_listeners();
  void use(const std::shared_ptr<const Generation>& generation);
  void accepted(const OpenListener& listener, int direct_file);
  void inbound_ended(Inbound& connection) override;
  void end_of_turn();
  void begin_drain();
  void drain_time_over();
  void report_hung();
  void relieve_buffers();
  bool finished();

  WorkerSetup setup_;
  std::unique_ptr<ring::Core> core_;
  std::unique_ptr<memory::BufferRing> buffers_;
  store::Index index_;
  WorkerParts parts_;
  std::unique_ptr<Agents> agents_;
  std::unique_ptr<DecisionLog> decisions_;
  std::unique_ptr<DmarcRows> dmarc_rows_;
  scan::KeyCache public_keys_;
  std::unique_ptr<Spooler> spooler_;
  std::unique_ptr<Dispatcher> dispatcher_;
  std::unique_ptr<SpoolUpkeep> upkeep_;
  std::unique_ptr<Enquiries> enquiries_;
  std::unique_ptr<Authentications> authentications_;
  std::unique_ptr<Resolver> resolver_;
  std::unique_ptr<FilterProcesses> filters_;
  NativeFigures native_;
  std::unique_ptr<KeyLink> keys_;
  std::unique_ptr<tls::SessionStore> client_sessions_;
  std::vector<std::unique_ptr<OpenListener>> listeners_;
  std::vector<std::unique_ptr<OpenListener>> closing_listeners_;  // of generations before
  std::vector<Worker*> all_;
  Inbound* first_ = nullptr;
  std::size_t connections_ = 0;
  std::uint64_t session_count_ = 0;
  bool draining_ = false;
  bool paused_ = false;  // `pause smtp`
  std::atomic<bool> idle_{false};
  SegmentsNote segments_note_{*this};
  ring::TimerOf<Worker, &Worker::drain_time_over> drain_timer_{*this};
  ring::TimerOf<Worker, &Worker::report_hung> hung_timer_{*this};
  Instant next_relief_{};
};

}  // namespace ringpost::mta
