// Worker: everything of one core: its ring, buffers, spool log, queue, listeners and connections.
// Made, run and destroyed on its own thread; only stop() and post() are for other threads.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "engine/mta/dispatcher.h"
#include "engine/mta/inbound.h"
#include "engine/mta/recover.h"
#include "engine/mta/spool_upkeep.h"
#include "engine/mta/spooler.h"
#include "engine/mta/worker_parts.h"
#include "engine/net/listener.h"

namespace ringpost::mta {

struct WorkerSetup {
  unsigned index = 0;
  SegmentStore& segments;
  ConnectionCounts& connection_counts;
  UserDirectory& users;
  observe::CoreMetrics& metrics;
  observe::EventSink& events;
  std::shared_ptr<const Generation> generation;
  std::vector<net::BoundSocket>
      listening_files;  // one for each address of the generation, then the local socket
  RecoveredShare recovered;
  unsigned cores = 1;
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
  // `pause smtp`: no new connections; those that come wait in the listen queue.
  void pause_listeners(bool paused);
  std::size_t connections() const { return connections_; }

 private:
  struct Call : ring::Message {
    Call(Worker& to, std::function<void(Worker&)> what)
        : Message(&Call::arrived), target(to), call(std::move(what)) {}
    static void arrived(ring::Message& message);
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
  void accepted(std::size_t listener, int direct_file);
  void inbound_ended(Inbound& connection) override;
  void end_of_turn();
  void begin_drain();
  void drain_time_over();
  bool finished();

  WorkerSetup setup_;
  std::unique_ptr<ring::Core> core_;
  std::unique_ptr<memory::BufferRing> buffers_;
  store::Index index_;
  WorkerParts parts_;
  std::unique_ptr<Spooler> spooler_;
  std::unique_ptr<Dispatcher> dispatcher_;
  std::unique_ptr<SpoolUpkeep> upkeep_;
  std::vector<std::unique_ptr<net::Listener>> listeners_;
  std::vector<Worker*> all_;
  Inbound* first_ = nullptr;
  std::size_t connections_ = 0;
  std::uint64_t session_count_ = 0;
  bool draining_ = false;
  std::atomic<bool> idle_{false};
  SegmentsNote segments_note_{*this};
  ring::TimerOf<Worker, &Worker::drain_time_over> drain_timer_{*this};
};

}  // namespace ringpost::mta
