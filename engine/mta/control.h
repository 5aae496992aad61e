// ControlServer: the Unix socket through which ringpostctl asks and orders; one thread of its own,
// not a core. One request line per connection, answered by JSON lines: {"row":…} for each row, then
// {"ok":true,…} or
// {"ok":false,"error":"…"}. A client can be slow, hostile or gone: every buffer, count and wait has
// a limit.
#pragma once

#include <atomic>
#include <cstdint>
#include <expected>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include <nlohmann/json.hpp>

#include "proto/base/clock.h"
#include "proto/base/fault.h"
#include "proto/control/request.h"

namespace ringpost::mta {

using Json = nlohmann::ordered_json;
using ControlRequest = control::Request;

// What a handler answers. Nothing is sent before the handler returns.
class ControlReply {
 public:
  // One line {"row":row}. False when the answer is full (reply_octets_max or the request's limit of
  // rows): stop, and say with next() where to go on. Text in `row` need not be UTF-8.
  bool row(const Json& row);
  // A further member of the last line, beside "ok".
  void set(std::string_view name, Json value);
  // There is more: the client asks again with "after":cursor.
  void next(std::string_view cursor) { set("next", std::string(cursor)); }
  // The request failed; rows written so far are dropped. `text` is for the person at the other end.
  void fail(std::string_view text);

  bool failed() const { return !error_.empty(); }

 private:
  friend class ControlServer;
  explicit ControlReply(std::uint32_t rows_max) : rows_left_(rows_max) {}
  std::string finish() &&;

  std::string lines_;
  std::string error_;
  Json last_ = Json::object();
  std::uint32_t rows_left_;
};

// Runs on the control thread, one at a time. It may wait for the cores, with a deadline below
// handler_max.
using ControlHandler = std::move_only_function<void(const ControlRequest&, ControlReply&)>;

struct ControlLimits {
  std::uint32_t connections_max = 32;
  Duration request_max = seconds(5);  // from accept to the whole request line
  Duration answer_max = seconds(30);  // from the answer to its last octet taken by the client
  Duration stop_max = seconds(2);     // answers still going out when the daemon stops
  std::size_t reply_octets_max = std::size_t{16} << 20;
};

class ControlServer {
 public:
  // Binds `path` with mode 0600. A socket file that nobody listens on is replaced; when another
  // daemon answers there the Fault is EADDRINUSE. Its folder must exist.
  static std::expected<std::unique_ptr<ControlServer>, Fault> open(std::string path,
                                                                   ControlLimits limits = {});
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
  ControlServer(std::string path, ControlLimits limits, int lock, int listener);
  void run();
  void answer(Connection& connection, std::string_view line);

  std::string path_;
  ControlLimits limits_;
  int lock_ = -1;
  int listener_ = -1;
  int wake_ = -1;
  std::atomic<bool> stop_wanted_{false};
  std::map<std::string, ControlHandler, std::less<>> handlers_;
  std::thread thread_;
};

}  // namespace ringpost::mta
