// The sink's part of one thread: it takes mail by the product's own server dialogue and throws it
// away. For measuring clients, and the relay. Owner: the thread that runs it; stop() may come from
// any thread.
#pragma once

#include <cstdint>
#include <expected>
#include <list>
#include <memory>
#include <vector>

#include "engine/memory/buffer.h"
#include "engine/net/listener.h"
#include "engine/ring/core.h"
#include "proto/smtp/server_session.h"
#include "tools/load/options.h"
#include "tools/load/statistics.h"

namespace ringpost::load {

class SinkConnection;

class Sink {
 public:
  // On the thread that will run it. `options` and `statistics` must outlive the sink.
  static std::expected<std::unique_ptr<Sink>, Fault> create(const Options& options, unsigned thread,
                                                            Statistics& statistics);
  ~Sink();

  // Serves until stop() or the time is up, and every connection is closed.
  void run_to_end();
  // Any thread, once.
  void stop() { core_->post(stop_message_); }

  // For SinkConnection.
  ring::Core& core() { return *core_; }
  memory::BufferRing& buffers() { return *buffers_; }
  const smtp::SessionLimits& limits() const { return limits_; }
  Statistics& statistics() { return statistics_; }
  void connection_over(SinkConnection& connection);

 private:
  struct StopMessage : ring::Message {
    explicit StopMessage(Sink& owner) : Message(&Sink::stop_asked), sink(owner) {}
    Sink& sink;
  };

  Sink(const Options& options, Statistics& statistics);
  static void stop_asked(ring::Message& message);
  void accepted(int direct_file);
  void time_is_up();
  bool finished() const;

  const Options& options_;
  Statistics& statistics_;
  smtp::SessionLimits limits_;
  bool stopping_ = false;
  std::unique_ptr<ring::Core> core_;
  std::unique_ptr<memory::BufferRing> buffers_;
  std::unique_ptr<net::Listener> listener_;
  std::list<std::unique_ptr<SinkConnection>> connections_;
  std::vector<SinkConnection*> over_;  // to be freed at the end of the turn
  StopMessage stop_message_{*this};
  ring::TimerOf<Sink, &Sink::time_is_up> run_timer_{*this};
};

}  // namespace ringpost::load
