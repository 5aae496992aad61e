// ControlServer: the Unix socket through which ringpostctl asks and orders; a thread of its own,
// not a core. One request line per connection, answered by JSON lines: {"row":…} for each row, then
// {"ok":true,…} or {"ok":false,"error":"…"}.
#pragma once

#include <atomic>
#include <cstdint>
#include <expected>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <nlohmann/json.hpp>

#include "engine/process/parent_link.h"
#include "proto/base/clock.h"
#include "proto/base/fault.h"
#include "proto/control/request.h"

struct pollfd;

namespace ringpost::mta {

using Json = nlohmann::ordered_json;
using ControlRequest = control::Request;

// What a handler answers. Nothing is sent before the handler returns.
class ControlReply {
 public:
  // Takes at most this many rows and octets.
  ControlReply(std::uint32_t rows_max, std::size_t octets_max)
      : rows_left_(rows_max), octets_max_(octets_max) {}

  // One line {"row":row}. False: the answer is full and this row was not taken; stop, and say with
  // next() where to go on. Text in `row` need not be UTF-8.
  bool row(const Json& row);
  // A further member of the last line, beside "ok".
  void set(std::string_view name, Json value);
  // There is more: the client asks again with "after":cursor. What the cursor means is the
  // handler's.
  void next(std::string_view cursor) { set("next", std::string(cursor)); }
  // The request failed; rows written so far are dropped. `text` is for the person at the other end.
  void fail(std::string_view text);

  bool failed() const { return !error_.empty(); }
  // All lines of the answer.
  std::string finish() &&;

 private:
  std::string lines_;
  std::string error_;
  Json last_ = Json::object();
  std::uint32_t rows_left_;
  std::size_t octets_max_;
};

// Runs on the control thread, one at a time. It may wait for the cores, but with a deadline: all
// other requests wait with it.
using ControlHandler = std::move_only_function<void(const ControlRequest&, ControlReply&)>;

struct ControlLimits {
  std::uint32_t connections_max = 32;  // one more pushes out the oldest
  Duration request_max = seconds(5);   // from accept to the whole request line
  Duration answer_max = seconds(30);   // from the answer to its last octet taken by the client
  Duration stop_max = seconds(2);      // for answers still going out when the daemon stops
  std::size_t reply_octets_max = std::size_t{16} << 20;
};

class ControlServer {
 public:
  // Binds `path` with mode 0600, under a lock on `path`.lock. A socket file that nobody listens on
  // is replaced, unless `parent` has kept the socket of an engine before us; when another daemon
  // lives there the Fault is EADDRINUSE. The folder must exist.
  static std::expected<std::unique_ptr<ControlServer>, Fault> open(
      std::string path, ControlLimits limits = {}, process::ParentLink* parent = nullptr);
  // stop(), and removes the socket file.
  ~ControlServer();
  ControlServer(const ControlServer&) = delete;
  ControlServer& operator=(const ControlServer&) = delete;

  // Before start(). `command` is the words as the client sends them, for example "show queue".
  void on(std::string command, ControlHandler handler);
  // Starts the thread; from here on requests are answered.
  void start();
  // Takes no new request, sends what is answered (for at most stop_max), ends the thread. Not from
  // a handler.
  void stop();

 private:
  struct Connection;
  ControlServer(std::string path, ControlLimits limits);
  std::expected<void, Fault> bind(process::ParentLink* parent);
  std::expected<void, Fault> clear_place();
  void run();
  void drop_finished(Instant now, bool stopping);
  std::vector<pollfd> wait(Instant now, Instant until, bool stopping) const;
  void serve(const std::vector<pollfd>& polled, Instant now);
  void accept_one(Instant now);
  void receive(Connection& connection, Instant now);
  void send(Connection& connection);
  void answer(Connection& connection, Instant now);

  std::string path_;
  ControlLimits limits_;
  int lock_ = -1;
  int listener_ = -1;
  int wake_ = -1;
  bool bound_ = false;
  std::atomic<bool> stop_wanted_{false};
  std::map<std::string, ControlHandler, std::less<>> handlers_;

  // Of the thread.
  std::list<Connection> connections_;  // oldest first
  Instant accept_after_{};             // descriptors ran out: try again then
  std::thread thread_;
};

}  // namespace ringpost::mta
