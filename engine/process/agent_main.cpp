// An agent: see agent_main.h.
#include "engine/process/agent_main.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/process/agent_frame.h"
#include "engine/process/agent_reply.h"
#include "engine/process/content.h"
#include "engine/process/mailbox_append.h"
#include "engine/process/maildir_delivery.h"
#include "engine/process/read_file.h"
#include "engine/process/rights.h"
#include "engine/process/run_command.h"

namespace ringpost::process {
namespace {

// A file system that hangs ends the agent; the engine sees that and tries again later.
constexpr unsigned file_work_seconds_max = 300;
constexpr gid_t system_gid_max = 999;  // SYS_GID_MAX of login.defs(5)

// It is the engine that names the group, and those of the system open files of root's (shadow,
// disk, ssl-cert): they are only for who is a member. The group `mail` opens mailboxes and nothing
// else, and virtual users often have it.
bool may_have_group(const AgentUser& user) {
  if (user.gid > system_gid_max) return true;
  if (const group* mail = getgrnam("mail"); mail != nullptr && mail->gr_gid == user.gid)
    return true;
  const passwd* entry = getpwnam(user.name.c_str());
  if (entry == nullptr || entry->pw_uid != user.uid) entry = getpwuid(user.uid);
  if (entry == nullptr) return false;
  const std::string name = entry->pw_name;
  const auto groups = groups_of(name, user.uid, entry->pw_gid);
  return std::ranges::find(groups, user.gid) != groups.end();
}

std::expected<void, Fault> become_user(const AgentUser& user) {
  if (geteuid() != 0) return become({user.uid, getegid(), {}});
  if (!may_have_group(user))
    return std::unexpected(Fault{"no member of the group that it is to have", EPERM, user.name});
  Identity identity{user.uid, user.gid, groups_of(user.name, user.uid, user.gid)};
  if (user.mailbox) {
    const std::string folder(mail_folder);
    if (const auto made = make_mailbox(folder, user); !made) return made;
    if (const gid_t group = group_of_folder(folder); group != 0) identity.groups.push_back(group);
  }
  return become(identity);
}

// An agent of root could be told to write anywhere, so it is told what it may do here, where the
// engine cannot change it.
bool is_allowed(const AgentUser& user, const AgentOrder& order) {
  if (user.mailbox) return std::holds_alternative<MboxOrder>(order);
  return user.uid != 0 || std::holds_alternative<ForwardOrder>(order);
}

AgentReply refusal(const AgentUser& user) {
  std::string reason =
      user.mailbox
          ? fmt::format("this process writes the mailbox of {} and nothing else", user.name)
          : fmt::format("{} is root: only its mailbox in {} is written", user.name, mail_folder);
  return {AgentStatus::Permanent, EPERM, std::move(reason), {}};
}

class Work {
 public:
  Work(const AgentUser& user, Content& content) : user_(user), content_(content) {}

  AgentReply operator()(const ForwardOrder& order) { return read_forward(order, user_.uid); }
  AgentReply operator()(const FileOrder& order) { return read_included(order, user_.uid); }
  AgentReply operator()(const MaildirOrder& order) { return deliver_maildir(order, content_); }
  AgentReply operator()(const MboxOrder& order) {
    const std::string path = std::string(mail_folder) + '/' + user_.name;
    return append_to_mailbox(path, order.from_line, user_.uid, content_);
  }
  AgentReply operator()(const AppendOrder& order) {
    if (order.path == "/dev/null") return {AgentStatus::Done, 0, order.path, {}};
    return append_to_mailbox(order.path, order.from_line, user_.uid, content_);
  }
  AgentReply operator()(const CommandOrder& order) { return run_command(order, content_); }

 private:
  const AgentUser& user_;
  Content& content_;
};

AgentReply carry_out(const AgentUser& user, const AgentOrder& order, Content& content) {
  if (!is_allowed(user, order)) return refusal(user);
  if (!std::holds_alternative<CommandOrder>(order)) alarm(file_work_seconds_max);
  AgentReply reply = std::visit(Work(user, content), order);
  alarm(0);
  return reply;
}

}  // namespace

void serve_as_agent(int socket, const AgentUser& user) {
  setsid();
  prctl(PR_SET_NAME, "ringpost-agent", 0, 0, 0);
  umask(077);
  signal(SIGPIPE, SIG_IGN);
  alarm(file_work_seconds_max);  // the name service may hang too
  const auto became = become_user(user);
  alarm(0);
  std::string payload;
  while (read_frame(socket, payload, order_octets_max)) {
    const auto order = decode_order(bytes_of(payload));
    if (!order) return;
    Content content(socket, takes_content(*order));
    const AgentReply reply = became ? carry_out(user, *order, content) : temporary(became.error());
    if (!content.drain() || !write_frame(socket, reply_frame(reply))) return;
  }
}

}  // namespace ringpost::process
