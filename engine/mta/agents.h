// Agents: the way of one core to the processes that have become a user. Keeps a few per user for as
// long as there is work for them, carries an order, its content and its reply over the socket, and
// ends an agent that takes too long. Owner: one core.
#pragma once

#include <deque>
#include <expected>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "engine/mta/content_reader.h"
#include "engine/process/agent.h"
#include "engine/process/parent_link.h"
#include "engine/ring/await.h"
#include "engine/ring/core.h"
#include "engine/ring/task.h"
#include "proto/conf/table.h"

namespace ringpost::mta {

struct AgentLimits {
  unsigned per_user_max = 7;             // agents of one user at work at a time
  unsigned shared_max = 50;              // of one who delivers for many, an action's `user`
  unsigned for_reading = 2;              // more, for orders without content
  unsigned kept_max = 32;                // agents without work, of all users
  Duration idle_max = seconds(5);        // then an agent without work is let go
  Duration wait_max = seconds(30);       // for one of the user's agents to be free
  Duration work_max = seconds(330);      // for an order but a command
  Duration command_grace = seconds(10);  // beyond the command's own limit
};

process::AgentUser agent_user(const conf::UserInfo& user);

class Agents {
 public:
  using Reply = std::expected<process::AgentReply, Fault>;

  // `parent` outlives it; null: there are no agents, and every order is a Fault.
  Agents(ring::Core& core, process::ParentLink* parent, const AgentLimits& limits = {});
  ~Agents();
  Agents(const Agents&) = delete;
  Agents& operator=(const Agents&) = delete;

  // A Fault: no agent could be had (EBUSY: those of the user are at work), it did not answer in
  // time (ETIMEDOUT), or it ended. All of these may be better the next time.
  ring::Task<Reply> ask(process::AgentUser user, process::AgentOrder order);
  // The order's content is `fields`, lines ended by CRLF, and the message, with LF line ends.
  // What is named must stay until the task has ended. A Fault of the content, EBADMSG, is told as
  // it is. `shared`: the user is an action's, and delivers for many.
  ring::Task<Reply> deliver(process::AgentUser user, process::AgentOrder order,
                            std::string_view fields, ContentReader& content, bool shared = false);

  // What needs no agent: the engine itself has these rights.
  static bool is_ourselves(uid_t uid);
  // False: no agent can be had of anybody but ourselves.
  bool serves_others() const { return parent_ != nullptr && parent_->privileged(); }

  // Ends the agents without work; those at work are let go when it is done.
  void stop();
  // Ends all of them: what they are at fails.
  void abort();
  std::size_t at_work() const { return sockets_.size(); }

 private:
  struct Waiter {
    ring::Signal served;
    bool waiting = true;
  };
  struct Idle {
    int socket;
    Instant since;
  };
  struct OfUser {
    unsigned busy = 0;
    std::vector<Idle> idle;  // the one used last is taken first
    std::deque<Waiter*> waiting;
  };
  struct Deadline;
  struct WaitLimit;

  ring::Task<std::expected<int, Fault>> acquire(const process::AgentUser& user, unsigned max);
  std::expected<int, Fault> take(const process::AgentUser& user, OfUser& of_user);
  void give_back(const process::AgentUser& user, int socket, bool usable);
  ring::Task<Reply> exchange(int socket, const process::AgentUser& user,
                             const process::AgentOrder& order, std::string_view fields,
                             ContentReader* content);
  ring::Task<Reply> converse(int socket, const process::AgentOrder& order, std::string_view fields,
                             ContentReader* content);
  ring::Task<std::expected<void, Fault>> send_content(int socket, std::string_view fields,
                                                      ContentReader& content);
  ring::Task<std::expected<void, Fault>> send_frame(int socket, std::string_view frame);
  ring::Task<Reply> receive_reply(int socket);
  Duration limit_for(const process::AgentOrder& order) const;
  void sweep();

  ring::Core& core_;
  process::ParentLink* parent_;
  AgentLimits limits_;
  bool stopping_ = false;
  std::map<process::AgentUser, OfUser> users_;
  std::set<int> sockets_;  // of the agents at work
  unsigned kept_ = 0;      // agents without work
  ring::TimerOf<Agents, &Agents::sweep> sweep_timer_{*this};
};

}  // namespace ringpost::mta
