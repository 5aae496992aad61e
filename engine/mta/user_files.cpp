// Files of users: see user_files.h.
#include "engine/mta/user_files.h"

#include <cerrno>

#include <fcntl.h>

#include "engine/mta/agents.h"
#include "engine/mta/our_account.h"
#include "engine/process/agent_frame.h"
#include "engine/ring/await.h"

namespace ringpost::mta {
namespace {

constexpr Duration absence_counts = seconds(5);
constexpr std::size_t absent_max = 100'000;

conf::Answer failure(std::string why) {
  return {.state = conf::AnswerState::TemporaryFailure, .text = std::move(why)};
}

conf::Answer brought_back(const Agents::Reply& reply) {
  return reply ? answer_of(*reply) : failure(to_text(reply.error()));
}

}  // namespace

conf::Answer answer_of(const process::AgentReply& reply) {
  switch (reply.status) {
    case process::AgentStatus::Done:
      return {.state = conf::AnswerState::Found, .text = reply.file};
    case process::AgentStatus::Absent:
      return {.state = conf::AnswerState::NotFound};
    case process::AgentStatus::Permanent:  // not to be trusted: neither followed nor passed over
    case process::AgentStatus::Temporary:
      break;
  }
  return failure(reply.text);
}

conf::Answer UserFiles::known(const conf::ForwardQuestion& question) const {
  const std::string& home = question.user.directory;
  const auto found = absent_.find(home);
  const bool absent = found != absent_.end() && parts_.core.now() < found->second;
  if (absent || !home.starts_with('/')) return {.state = conf::AnswerState::NotFound};
  return {};
}

ring::Task<conf::Answer> UserFiles::read(conf::ForwardQuestion question) {
  const std::string& home = question.user.directory;
  if (co_await is_sticky(home)) co_return failure(home + " is sticky: its owner wants no mail now");
  const int seen = co_await look_at(home + "/.forward");
  if (seen == -ENOENT || seen == -ENOTDIR) {
    note_absent(home);
    co_return conf::Answer{.state = conf::AnswerState::NotFound};
  }
  if (parts_.agents == nullptr) co_return failure("there is no process that could read it");
  process::AgentUser user = agent_user(question.user);
  process::AgentOrder order = process::ForwardOrder{home};
  if (!process::is_within_limits(order)) co_return failure("the path is too long");
  const Agents::Reply reply = co_await parts_.agents->ask(std::move(user), std::move(order));
  co_return brought_back(reply);
}

// With an empty name the user is the daemon itself.
ring::Task<conf::Answer> UserFiles::read(conf::IncludeQuestion question) {
  const int seen = co_await look_at(question.path);
  if (seen == -ENOENT) co_return conf::Answer{.state = conf::AnswerState::NotFound};
  if (parts_.agents == nullptr) co_return failure("there is no process that could read it");
  const bool is_ours = question.user.username.empty();
  process::AgentUser user = agent_user(is_ours ? our_account() : question.user);
  process::AgentOrder order = process::FileOrder{question.path};
  if (!process::is_within_limits(order)) co_return failure("the path is too long");
  const Agents::Reply reply = co_await parts_.agents->ask(std::move(user), std::move(order));
  co_return brought_back(reply);
}

// 0, or why our own user does not see it.
ring::Task<int> UserFiles::look_at(std::string path) {
  constexpr int flags = O_PATH | O_CLOEXEC;
  const int file = co_await ring::open_at(parts_.core.ring(), AT_FDCWD, path.c_str(), flags, 0);
  if (file < 0) co_return file;
  [[maybe_unused]] const int closed = co_await ring::close_file(parts_.core.ring(), file);
  co_return 0;
}

ring::Task<bool> UserFiles::is_sticky(std::string folder) {
  struct statx status{};
  const int done =
      co_await ring::status_at(parts_.core.ring(), AT_FDCWD, folder.c_str(), STATX_MODE, &status);
  co_return done == 0 && (status.stx_mode & S_ISVTX) != 0;
}

void UserFiles::note_absent(const std::string& home) {
  if (absent_.size() >= absent_max) absent_.clear();
  absent_[home] = parts_.core.now() + absence_counts;
}

}  // namespace ringpost::mta
