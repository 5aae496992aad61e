// A queue and the servers it sends to, without network or clock: the Scheduler, an owner that keeps
// what would be durable, and destinations that answer by a script. Time jumps from event to event,
// so that days take seconds.
#pragma once

#include <cstdint>
#include <functional>
#include <queue>
#include <string>
#include <vector>

#include "store/queue/schedule.h"
#include "store/queue/scheduler.h"
#include "store/spool/outcome.h"

namespace ringpost::sim {

// What a destination does to what is sent to it.
enum class Manner : std::uint8_t {
  Takes,      // everything
  Greylists,  // 4xx until 300 s have passed since the first attempt
  Refuses,    // 5xx
  IsFull,     // 4xx for ever
};

struct Server {
  Manner manner = Manner::Takes;
  Duration connect = milliseconds(50);
  Duration transaction = milliseconds(100);
  Instant answers_from{};  // connections fail before
  Instant answers_until = never;
  Duration timeout = seconds(30);  // how long a connection takes to fail

  // What was seen.
  std::uint64_t connections = 0;
  std::uint64_t failed_connections = 0;
  std::uint64_t transactions = 0;
  std::uint32_t open = 0, open_most = 0;
};

// One recipient, and all that became of it.
struct Letter {
  std::uint32_t server = 0;
  std::uint32_t sender = 0;
  Instant received{};
  Instant first_attempt = never;
  Instant ended = never;
  store::RecipientProgress progress;  // what would be durable
  std::uint16_t attempts = 0;         // transactions it was part of
  std::uint8_t warnings = 0, bounces = 0, deliveries = 0;
};

struct QueueRules {
  store::Schedule schedule{.step = store::relay_step};
  std::vector<Duration> warn_after{seconds(4 * 3'600)};
  store::SchedulerLimits limits;
  Duration keep_idle = seconds(10);
};

class QueueWorld {
 public:
  explicit QueueWorld(const QueueRules& rules)
      : rules_(rules), scheduler_(rules.limits, now_, {5, 6}) {}

  std::uint32_t add_server(const Server& server);
  // A message to so many recipients behind one server, accepted now. Returns the first of its
  // letters.
  std::size_t accept(std::uint32_t server, std::uint32_t sender, std::uint32_t recipients);
  void run_until(Instant end);
  // The process ends, and starts again with what was durable.
  void restart();

  Instant now() const { return now_; }
  const std::vector<Letter>& letters() const { return letters_; }
  const std::vector<Server>& servers() const { return servers_; }
  store::Scheduler& scheduler() { return scheduler_; }
  std::uint32_t sessions_most() const { return sessions_most_; }

 private:
  struct Event {
    Instant at{};
    std::uint64_t number = 0;  // events of one moment happen in the order they were made
    store::SessionId session;
    std::uint32_t stamp = 0;  // of the session then; another: it has gone on meanwhile
    bool operator>(const Event& other) const {
      return at != other.at ? at > other.at : number > other.number;
    }
  };
  struct Session {
    enum class Stage : std::uint8_t { None, Connecting, Sending, Idle } stage = Stage::None;
    std::uint32_t server = 0;
    std::uint32_t stamp = 0;
    std::vector<store::RecipientKey> batch;
  };

  Letter& letter(const store::RecipientKey& key) {
    return letters_[key.id.value - 1 + key.recipient];
  }
  static std::string name_of(std::uint32_t server);
  static WallTime wall(Instant time) { return {time.ns / 1'000}; }
  static Instant instant(WallTime time) { return {time.us * 1'000}; }
  Instant deadline_of(const Letter& letter) const;
  void enter(std::size_t letter);
  void turn();
  void plan(store::SessionId session, Session::Stage stage, Duration after);
  void happen(const Event& event);
  void begin(const store::Scheduler::Start& start);
  void send_next(store::SessionId session);
  void end(store::SessionId session);
  void answer(const store::RecipientKey& key, Manner manner);
  enum class Cause : std::uint8_t { Attempt, Deadline };
  void delay(const store::RecipientKey& key, Cause cause);
  void finish(const store::RecipientKey& key, bool delivered);

  QueueRules rules_;
  Instant now_ = Instant{} + seconds(1'000'000);
  store::Scheduler scheduler_;
  std::vector<Server> servers_;
  std::vector<Letter> letters_;
  std::vector<std::uint64_t> message_of_;  // QueueId of the message of each letter
  std::vector<Session> sessions_;          // by SessionId
  std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
  std::uint64_t next_event_ = 0;
  std::uint32_t sessions_most_ = 0;
};

}  // namespace ringpost::sim
