// The source's part of one thread: a core, its share of the connections and of the messages.
// Connections say when they are ready; the source gives each the next message, lets it wait for the
// pace, or ends it. Owner: the thread that runs it; stop() may come from any thread.
#pragma once

#include <cstdint>
#include <deque>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/memory/buffer.h"
#include "engine/ring/core.h"
#include "engine/tls/client_context.h"
#include "engine/tls/session_store.h"
#include "proto/smtp/client_session.h"
#include "tools/load/content.h"
#include "tools/load/ledger.h"
#include "tools/load/options.h"
#include "tools/load/pace.h"
#include "tools/load/source_connection.h"
#include "tools/load/statistics.h"

namespace ringpost::load {

// What all threads of a run share; made before they start, changed by none.
struct Plan {
  explicit Plan(const Options& run_options, WallTime now);

  // This thread's part of a whole that is divided over all threads.
  std::uint64_t share(std::uint64_t whole, unsigned thread) const;

  Options options;
  std::uint32_t run = 0;  // the first part of every message id
  smtp::ClientSettings settings;
  std::shared_ptr<const tls::ClientContext> encryption{};  // unless there is none
  std::vector<Content> contents;                           // one for each of options.sizes
  std::vector<std::uint8_t> sequence;  // indices into contents, mixed by weight, to be repeated
};

class Source {
 public:
  // On the thread that will run it. `plan` and `statistics` must outlive the source.
  static std::expected<std::unique_ptr<Source>, Fault> create(const Plan& plan, unsigned thread,
                                                              Statistics& statistics);

  // Opens the connections and returns when all of them are closed again.
  void run_to_end();
  // Begins no more messages, finishes those under way, ends the sessions. Any thread, once.
  void stop() { core_->post(stop_message_); }

  // For SourceConnection.
  ring::Core& core() { return *core_; }
  memory::BufferRing& buffers() { return *buffers_; }
  const Options& options() const { return plan_.options; }
  const smtp::ClientSettings& settings() const { return plan_.settings; }
  std::uint32_t run() const { return plan_.run; }
  // Of TLS.
  const tls::ClientContext& encryption() const { return *plan_.encryption; }
  tls::ClientAim aim(std::uint32_t slot);
  void handshake_over(bool resumed);
  void handshake_failed(const std::string& why);
  void connected();
  void ready(SourceConnection& connection);
  void message_over(const MessageId& id, const Content& content, Instant due,
                    const smtp::RecipientDone& outcome);
  void session_lost(SourceConnection& connection, const std::string& why);
  // Not open any more; `error` says why where it never was.
  void connection_over(SourceConnection& connection, const std::string& error);
  void pause_over(SourceConnection& connection);

 private:
  struct StopMessage : ring::Message {
    explicit StopMessage(Source& owner) : Message(&Source::stop_asked), source(owner) {}
    Source& source;
  };

  Source(const Plan& plan, unsigned thread, Statistics& statistics);
  static void stop_asked(ring::Message& message);

  bool is_idle_run() const { return plan_.options.idle_sessions > 0; }
  bool wants_messages() const { return !stopping_ && begun_ < quota_; }
  void open_more();
  void open(SourceConnection& connection);
  void try_again(SourceConnection& connection);
  void begin_message(SourceConnection& connection, Instant due);
  void release_waiting();
  void end_waiting();
  void forget_waiting(SourceConnection& connection);
  void wind_down();
  void time_is_up();
  void pace_is_due() {}  // the end of the turn sees to it
  void turn_ended();
  void finish_if_over();

  const Plan& plan_;
  unsigned thread_;
  Statistics& statistics_;
  Ledger ledger_;
  std::unique_ptr<ring::Core> core_;
  std::unique_ptr<memory::BufferRing> buffers_;
  tls::SessionStore tls_sessions_;
  std::vector<std::unique_ptr<SourceConnection>> connections_;
  std::deque<SourceConnection*> waiting_;  // ready, until the pace, or the end, lets them go on
  std::optional<Pace> pace_;

  std::uint64_t quota_ = 0;
  std::uint64_t begun_ = 0;
  std::size_t opened_first_ = 0;  // connections that were opened at least once
  unsigned connecting_ = 0;
  std::size_t open_ = 0;     // connecting ones included
  std::size_t pausing_ = 0;  // before they connect again
  bool stopping_ = false;
  Instant last_success_{};  // when a session was last established, or the start

  StopMessage stop_message_{*this};
  ring::TimerOf<Source, &Source::pace_is_due> pace_timer_{*this};
  ring::TimerOf<Source, &Source::time_is_up> run_timer_{*this};
};

}  // namespace ringpost::load
