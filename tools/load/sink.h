// The sink's part of one thread: it takes mail by the product's own server dialogue and throws it
// away, or answers as its script says. For measuring clients, and the relay. Owner: the thread that
// runs it; stop() may come from any thread.
#pragma once

#include <cstdint>
#include <expected>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "engine/memory/buffer.h"
#include "engine/net/listener.h"
#include "engine/ring/core.h"
#include "proto/conf/net_address.h"
#include "proto/smtp/server_session.h"
#include "tools/load/ledger.h"
#include "tools/load/options.h"
#include "tools/load/script.h"
#include "tools/load/sink_encryption.h"
#include "tools/load/statistics.h"

namespace ringpost::load {

class SinkConnection;

// One of the addresses that a sink listens on: a pretended server.
struct Destination {
  conf::NetAddress address;
  std::uint16_t port = 0;
  std::size_t number = 0;  // its place in Options::listen
  std::unique_ptr<net::Listener> listener;
};

class Sink {
 public:
  static constexpr std::string_view server_name = "sink.ringpost.invalid";

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
  const Options& options() const { return options_; }
  const smtp::SessionLimits& limits() const { return limits_; }
  Statistics& statistics() { return statistics_; }
  DestinationCounts& counts(const Destination& destination) {
    return statistics_.sink.destinations[destination.number];
  }
  // The reply to EHLO or LHLO, as it goes over the wire.
  const std::string& hello_reply() const { return hello_reply_; }
  // The rule for this occasion, counted, or nullptr.
  const Rule* choose(const Occasion& occasion);
  Ledger& ledger() { return ledger_; }
  // Only with TLS.
  tls::Signer& signer() { return *signer_; }
  // Must come before the reply that acknowledges what was added leaves.
  void write_ledger();
  void connection_over(SinkConnection& connection);

 private:
  struct StopMessage : ring::Message {
    explicit StopMessage(Sink& owner) : Message(&Sink::stop_asked), sink(owner) {}
    Sink& sink;
  };

  Sink(const Options& options, unsigned thread, Statistics& statistics);
  static void stop_asked(ring::Message& message);
  std::expected<void, Fault> listen();
  void accepted(const Destination& destination, int direct_file);
  void time_is_up();
  bool finished() const;

  const Options& options_;
  Statistics& statistics_;
  smtp::SessionLimits limits_;
  std::string hello_reply_;
  Play play_;
  Ledger ledger_;
  std::unique_ptr<SinkSigner> signer_;
  bool stopping_ = false;
  std::unique_ptr<ring::Core> core_;
  std::unique_ptr<memory::BufferRing> buffers_;
  std::vector<Destination> destinations_;
  std::list<std::unique_ptr<SinkConnection>> connections_;
  std::vector<SinkConnection*> over_;  // to be freed at the end of the turn
  StopMessage stop_message_{*this};
  ring::TimerOf<Sink, &Sink::time_is_up> run_timer_{*this};
};

}  // namespace ringpost::load
