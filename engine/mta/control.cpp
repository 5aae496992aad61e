// One poll loop over few connections, nothing in it blocks but a handler. A client that is slow,
// silent or hostile loses its connection after a fixed time and holds nobody up until then.
#include "engine/mta/control.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/mta/control_socket.h"
#include "engine/mta/kept_local_socket.h"
#include "engine/ring/clock.h"
#include "engine/ring/quiet_thread.h"
#include "proto/base/check.h"

namespace ringpost::mta {
namespace {

constexpr int backlog_max = 64;

// Names that people gave may hold any octet; JSON may not.
std::string text_of(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

bool ControlReply::row(const Json& row) {
  if (rows_left_ == 0 || failed()) return false;
  const std::string text = text_of(row);
  if (lines_.size() + text.size() > octets_max_) return false;
  fmt::format_to(std::back_inserter(lines_), "{{\"row\":{}}}\n", text);
  --rows_left_;
  return true;
}

void ControlReply::set(std::string_view name, Json value) {
  last_[std::string(name)] = std::move(value);
}

void ControlReply::fail(std::string_view text) { error_ = text.empty() ? "failed" : text; }

std::string ControlReply::finish() && {
  Json last = Json::object();
  last["ok"] = !failed();
  if (failed()) {
    last["error"] = error_;
    return text_of(last) + '\n';
  }
  last.update(last_);
  return std::move(lines_) + text_of(last) + '\n';
}

struct ControlServer::Connection {
  explicit Connection(int file, Instant deadline) : file(file), deadline(deadline) {}
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection() { close(file); }

  bool sending() const { return !output.empty(); }

  int file;
  Instant deadline;
  std::string input;
  std::string output;
  std::size_t sent = 0;
  bool done = false;
};

ControlServer::ControlServer(std::string path, ControlLimits limits)
    : path_(std::move(path)), limits_(limits) {}

std::expected<std::unique_ptr<ControlServer>, Fault> ControlServer::open(
    std::string path, ControlLimits limits, process::ParentLink* parent) {
  std::unique_ptr<ControlServer> server(new ControlServer(std::move(path), limits));
  if (auto bound = server->bind(parent); !bound) return std::unexpected(bound.error());
  return server;
}

ControlServer::~ControlServer() {
  stop();
  if (bound_) unlink(path_.c_str());
  for (const int file : {listener_, wake_, lock_}) {
    if (file >= 0) close(file);
  }
}

std::expected<void, Fault> ControlServer::bind(process::ParentLink* parent) {
  const std::string lock_path = path_ + ".lock";
  lock_ = ::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (lock_ < 0) return std::unexpected(Fault{"open", errno, lock_path});
  if (flock(lock_, LOCK_EX | LOCK_NB) != 0) {
    const int error = errno == EWOULDBLOCK ? EADDRINUSE : errno;
    return std::unexpected(Fault{"lock", error, path_});
  }
  wake_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (wake_ < 0) return std::unexpected(Fault{"eventfd", errno});
  listener_ = find_kept_socket(path_, parent);
  bound_ = listener_ >= 0;
  if (bound_) return {};
  if (auto cleared = clear_place(); !cleared) return cleared;
  listener_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (listener_ < 0) return std::unexpected(Fault{"socket", errno});
  const auto address = ControlAddress::of(path_);
  if (!address) return std::unexpected(address.error());
  // The file takes the socket's mode at bind: there is no moment in which others could open it.
  const bool bound = fchmod(listener_, 0600) == 0 &&
                     ::bind(listener_, address->kernel(), ControlAddress::kernel_octets) == 0;
  if (!bound) return std::unexpected(Fault{"bind", errno, path_});
  bound_ = true;
  if (listen(listener_, backlog_max) != 0) return std::unexpected(Fault{"listen", errno, path_});
  keep_local_socket(path_, listener_, parent);
  return {};
}

// Removes the socket file of a daemon that is gone.
std::expected<void, Fault> ControlServer::clear_place() {
  struct stat status{};
  if (lstat(path_.c_str(), &status) != 0) {
    if (errno == ENOENT) return {};
    return std::unexpected(Fault{"stat", errno, path_});
  }
  if (!S_ISSOCK(status.st_mode)) return std::unexpected(Fault{"bind", EEXIST, path_});
  const auto peer = connect_control(path_);
  if (peer) {
    close(*peer);
    return std::unexpected(Fault{"bind", EADDRINUSE, path_});
  }
  if (peer.error().code != ECONNREFUSED) return std::unexpected(peer.error());
  if (unlink(path_.c_str()) != 0) return std::unexpected(Fault{"unlink", errno, path_});
  return {};
}

void ControlServer::on(std::string command, ControlHandler handler) {
  CHECK(!thread_.joinable());
  const bool added = handlers_.emplace(std::move(command), std::move(handler)).second;
  CHECK(added);
}

void ControlServer::start() {
  // A client that is gone is an answer of send().
  thread_ = ring::quiet_thread([this] { run(); });
}

void ControlServer::stop() {
  if (!thread_.joinable()) return;
  stop_wanted_.store(true);
  const std::uint64_t one = 1;
  CHECK(write(wake_, &one, sizeof one) == sizeof one);
  thread_.join();
}

void ControlServer::run() {
  Instant stop_deadline = never;
  while (true) {
    const Instant now = ring::monotonic_now();
    const bool stopping = stop_wanted_.load();
    if (stopping && stop_deadline == never) stop_deadline = now + limits_.stop_max;
    drop_finished(now, stopping);
    if (stopping && (connections_.empty() || now >= stop_deadline)) break;
    const std::vector<pollfd> polled = wait(now, stop_deadline, stopping);
    serve(polled, ring::monotonic_now());
  }
  connections_.clear();
}

void ControlServer::drop_finished(Instant now, bool stopping) {
  connections_.remove_if([&](const Connection& connection) {
    return connection.done || now >= connection.deadline || (stopping && !connection.sending());
  });
}

// Waits for the first thing to do: entry 0 is the wake-up, 1 the listener, then the connections in
// their order. Until a deadline at the latest.
std::vector<pollfd> ControlServer::wait(Instant now, Instant until, bool stopping) const {
  const bool accepting = !stopping && now >= accept_after_;
  if (!stopping && !accepting) until = std::min(until, accept_after_);
  // The wake-up stays pending once it came: looking at it again would only spin.
  std::vector<pollfd> polled{{stopping ? -1 : wake_, POLLIN, 0},
                             {accepting ? listener_ : -1, POLLIN, 0}};
  for (const Connection& connection : connections_) {
    const short wanted = connection.sending() ? POLLOUT : POLLIN;
    polled.push_back({connection.file, wanted, 0});
    until = std::min(until, connection.deadline);
  }
  // Rounded up, so that the deadline has passed when poll() says that it has.
  const int timeout =
      until == never
          ? -1
          : static_cast<int>(std::max<std::int64_t>((until - now).milliseconds() + 1, 0));
  poll(polled.data(), polled.size(), timeout);
  return polled;
}

void ControlServer::serve(const std::vector<pollfd>& polled, Instant now) {
  std::size_t at = 2;
  for (Connection& connection : connections_) {
    if (polled[at++].revents == 0) continue;
    if (connection.sending()) {
      send(connection);
    } else {
      receive(connection, now);
    }
  }
  if (polled[1].revents != 0) accept_one(now);
}

void ControlServer::accept_one(Instant now) {
  const int file = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (file < 0) {
    const bool exhausted =
        errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS;
    if (exhausted) accept_after_ = now + milliseconds(100);
    return;
  }
  if (connections_.size() >= limits_.connections_max) connections_.pop_front();
  connections_.emplace_back(file, now + limits_.request_max);
}

void ControlServer::receive(Connection& connection, Instant now) {
  std::array<char, 4096> room;
  const ssize_t count = recv(connection.file, room.data(), room.size(), 0);
  if (count < 0) {
    connection.done = errno != EAGAIN && errno != EINTR;
    return;
  }
  connection.input.append(room.data(), static_cast<std::size_t>(count));
  const bool ended = count == 0 || connection.input.contains('\n') ||
                     connection.input.size() > control::request_octets_max;
  if (!ended) return;
  connection.done = connection.input.empty();
  if (!connection.done) answer(connection, now);
}

void ControlServer::answer(Connection& connection, Instant now) {
  const std::string_view line =
      std::string_view(connection.input).substr(0, connection.input.find('\n'));
  const auto request = control::parse_request(line);
  ControlReply reply(request ? request->limit : 0, limits_.reply_octets_max);
  if (!request) {
    reply.fail(request.error());
  } else if (const auto handler = handlers_.find(request->command); handler != handlers_.end()) {
    handler->second(*request, reply);
  } else {
    reply.fail(fmt::format("this daemon knows no command \"{}\"", request->command));
  }
  connection.output = std::move(reply).finish();
  connection.deadline = now + limits_.answer_max;
  send(connection);
}

void ControlServer::send(Connection& connection) {
  const std::string_view rest = std::string_view(connection.output).substr(connection.sent);
  const ssize_t count = ::send(connection.file, rest.data(), rest.size(), MSG_NOSIGNAL);
  if (count < 0) {
    connection.done = errno != EAGAIN && errno != EINTR;
    return;
  }
  connection.sent += static_cast<std::size_t>(count);
  connection.done = connection.sent == connection.output.size();
}

}  // namespace ringpost::mta
