// Agents of a core: see agents.h. A deadline shuts the socket down, so that whatever waits on it
// comes back; the agent sees the same, ends what it is at, and itself.
#include "engine/mta/agents.h"

#include <algorithm>
#include <cerrno>

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/process/agent_frame.h"
#include "proto/mail/line_ends.h"

namespace ringpost::mta {
namespace {

using Result = std::expected<void, Fault>;

// An agent that ended while nobody looked: killed by the operator or for want of memory.
bool is_alive(int socket) {
  pollfd wait{socket, POLLIN | POLLRDHUP, 0};
  return poll(&wait, 1, 0) == 0;
}

Fault broken(int result) { return {"agent", result < 0 ? -result : ECONNRESET}; }

}  // namespace

process::AgentUser agent_user(const conf::UserInfo& user) {
  return {.uid = user.uid, .gid = user.gid, .name = user.username};
}

struct Agents::Deadline {
  explicit Deadline(int shut_down) : socket(shut_down) {}
  void fired() {
    passed = true;
    shutdown(socket, SHUT_RDWR);
  }
  int socket;
  bool passed = false;
  ring::TimerOf<Deadline, &Deadline::fired> timer{*this};
};

struct Agents::WaitLimit {
  explicit WaitLimit(Waiter& whose) : waiter(whose) {}
  void fired() { waiter.served.set(); }
  Waiter& waiter;
  ring::TimerOf<WaitLimit, &WaitLimit::fired> timer{*this};
};

Agents::Agents(ring::Core& core, process::ParentLink* parent, const AgentLimits& limits)
    : core_(core), parent_(parent), limits_(limits) {}

Agents::~Agents() {
  stop();
  CHECK(sockets_.empty());
}

bool Agents::is_ourselves(uid_t uid) { return uid == geteuid(); }

ring::Task<Agents::Reply> Agents::ask(process::AgentUser user, process::AgentOrder order) {
  // Deliveries that hang do not keep anybody from being asked for a .forward.
  const auto socket = co_await acquire(user, limits_.per_user_max + limits_.for_reading);
  if (!socket) co_return std::unexpected(socket.error());
  co_return co_await exchange(*socket, user, order, {}, nullptr);
}

ring::Task<Agents::Reply> Agents::deliver(process::AgentUser user, process::AgentOrder order,
                                          std::string_view fields, ContentReader& content,
                                          bool shared) {
  const auto socket = co_await acquire(user, shared ? limits_.shared_max : limits_.per_user_max);
  if (!socket) co_return std::unexpected(socket.error());
  co_return co_await exchange(*socket, user, order, fields, &content);
}

ring::Task<std::expected<int, Fault>> Agents::acquire(const process::AgentUser& user,
                                                      unsigned max) {
  using Socket = std::expected<int, Fault>;
  if (parent_ == nullptr) co_return Socket{std::unexpected(Fault{"agent", ENOTSUP, user.name})};
  OfUser& of_user = users_[user];
  if (of_user.busy >= max) {
    Waiter waiter;
    WaitLimit limit(waiter);
    core_.timers().arm(limit.timer, core_.now() + limits_.wait_max);
    of_user.waiting.push_back(&waiter);
    co_await waiter.served;
    core_.timers().disarm(limit.timer);
    if (waiter.waiting) {
      std::erase(of_user.waiting, &waiter);
      co_return Socket{std::unexpected(Fault{"agents at work as", EBUSY, user.name})};
    }
  } else {
    ++of_user.busy;
  }
  Socket socket = take(user, of_user);
  if (!socket) {
    give_back(user, -1, false);
    co_return socket;
  }
  sockets_.insert(*socket);
  co_return socket;
}

// The place among the busy ones is the caller's already.
std::expected<int, Fault> Agents::take(const process::AgentUser& user, OfUser& of_user) {
  if (stopping_) return std::unexpected(Fault{"agent", ECANCELED, user.name});
  while (!of_user.idle.empty()) {
    const int socket = of_user.idle.back().socket;
    of_user.idle.pop_back();
    --kept_;
    if (is_alive(socket)) return socket;
    close(socket);
  }
  return parent_->start_agent(user);
}

void Agents::give_back(const process::AgentUser& user, int socket, bool usable) {
  sockets_.erase(socket);
  OfUser& of_user = users_[user];
  if (usable && !stopping_ && kept_ < limits_.kept_max) {
    of_user.idle.push_back({socket, core_.now()});
    ++kept_;
    if (!sweep_timer_.armed()) core_.timers().arm(sweep_timer_, core_.now() + limits_.idle_max);
  } else if (socket >= 0) {
    close(socket);
  }
  if (of_user.waiting.empty()) {
    if (--of_user.busy == 0 && of_user.idle.empty()) users_.erase(user);
    return;
  }
  // The place goes to who waits longest, and stays taken meanwhile.
  Waiter* const next = of_user.waiting.front();
  of_user.waiting.pop_front();
  next->waiting = false;
  next->served.set();
}

ring::Task<Agents::Reply> Agents::exchange(int socket, const process::AgentUser& user,
                                           const process::AgentOrder& order,
                                           std::string_view fields, ContentReader* content) {
  Deadline deadline(socket);
  core_.timers().arm(deadline.timer, core_.now() + limit_for(order));
  Reply reply = co_await converse(socket, order, fields, content);
  core_.timers().disarm(deadline.timer);
  if (!reply && reply.error().operation == "agent") {
    reply.error().path = user.name;
    if (deadline.passed) reply.error().code = ETIMEDOUT;
  }
  give_back(user, socket, reply.has_value());
  co_return reply;
}

ring::Task<Agents::Reply> Agents::converse(int socket, const process::AgentOrder& order,
                                           std::string_view fields, ContentReader* content) {
  if (!process::is_within_limits(order)) co_return std::unexpected(Fault{"order", EINVAL});
  const std::string frame = process::order_frame(order);
  Result sent = co_await send_frame(socket, frame);
  if (sent && content != nullptr) sent = co_await send_content(socket, fields, *content);
  // An agent that could not be made has said why, and closed its end before it read anything.
  if (!sent && sent.error().operation != "agent") co_return std::unexpected(sent.error());
  co_return co_await receive_reply(socket);
}

ring::Task<Result> Agents::send_content(int socket, std::string_view fields,
                                        ContentReader& content) {
  mail::LineEndFold fold;
  std::string frame(process::frame_header_octets, '\0');
  fold.fold(bytes_of(fields), frame);
  for (bool at_end = false; !at_end;) {
    const auto piece = co_await content.next();
    if (!piece) co_return std::unexpected(piece.error());
    at_end = piece->empty();
    at_end ? fold.finish(frame) : fold.fold(*piece, frame);
    const std::size_t octets = frame.size() - process::frame_header_octets;
    if (octets == 0) continue;
    frame.replace(0, process::frame_header_octets, process::frame_header(octets));
    const Result sent = co_await send_frame(socket, frame);
    if (!sent) co_return sent;
    frame.resize(process::frame_header_octets);
  }
  const std::string end = process::frame_header(0);
  co_return co_await send_frame(socket, end);
}

ring::Task<Result> Agents::send_frame(int socket, std::string_view frame) {
  while (!frame.empty()) {
    const int sent = co_await ring::send_all(core_.ring(), socket, frame.data(),
                                             static_cast<unsigned>(frame.size()));
    if (sent == -EINTR || sent == -EAGAIN) continue;
    if (sent <= 0) co_return std::unexpected(broken(sent));
    frame.remove_prefix(static_cast<std::size_t>(sent));
  }
  co_return Result{};
}

ring::Task<Agents::Reply> Agents::receive_reply(int socket) {
  std::string octets(process::frame_header_octets, '\0');
  const auto receive = [&] {
    return ring::receive_all(core_.ring(), socket, octets.data(),
                             static_cast<unsigned>(octets.size()));
  };
  int got = co_await receive();
  if (got != static_cast<int>(octets.size())) co_return std::unexpected(broken(got));
  const std::size_t length = process::frame_length(bytes_of(octets));
  if (length == 0 || length > process::reply_octets_max)
    co_return std::unexpected(broken(-EBADMSG));
  octets.resize(length);
  got = co_await receive();
  if (got != static_cast<int>(octets.size())) co_return std::unexpected(broken(got));
  auto reply = process::decode_reply(bytes_of(octets));
  if (!reply) co_return std::unexpected(broken(-EBADMSG));
  co_return std::move(*reply);
}

Duration Agents::limit_for(const process::AgentOrder& order) const {
  const auto* command = std::get_if<process::CommandOrder>(&order);
  if (command == nullptr) return limits_.work_max;
  return seconds(command->seconds_max) + limits_.command_grace;
}

void Agents::sweep() {
  const Instant now = core_.now();
  Instant next = never;
  for (auto& [user, of_user] : users_) {
    std::erase_if(of_user.idle, [&](const Idle& idle) {
      const bool over = stopping_ || idle.since + limits_.idle_max <= now;
      if (over) {
        close(idle.socket);
        --kept_;
      }
      if (!over) next = std::min(next, idle.since + limits_.idle_max);
      return over;
    });
  }
  std::erase_if(users_, [](const auto& entry) {
    return entry.second.busy == 0 && entry.second.idle.empty();
  });
  if (next != never) core_.timers().arm(sweep_timer_, next);
}

void Agents::stop() {
  stopping_ = true;
  core_.timers().disarm(sweep_timer_);
  sweep();
}

void Agents::abort() {
  stop();
  for (const int socket : sockets_) shutdown(socket, SHUT_RDWR);
}

}  // namespace ringpost::mta
