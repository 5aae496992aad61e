// The system's users: see user_directory.h.
#include "engine/mta/user_directory.h"

#include <cerrno>
#include <vector>

#include <pwd.h>

#include "engine/ring/clock.h"

namespace ringpost::mta {
namespace {

constexpr Duration found_kept = seconds(60);
constexpr Duration unknown_kept = seconds(10);
constexpr Duration failure_kept = seconds(1);
constexpr std::size_t kept_max = 100'000;
constexpr std::size_t record_bytes_max = 1 << 20;

Duration kept_for(conf::AnswerState state) {
  if (state == conf::AnswerState::Found) return found_kept;
  return state == conf::AnswerState::NotFound ? unknown_kept : failure_kept;
}

}  // namespace

UserDirectory::UserDirectory() : thread_([this] { run(); }) {}

UserDirectory::~UserDirectory() {
  {
    const std::lock_guard guard(lock_);
    stopping_ = true;
  }
  waiting_.notify_one();
  thread_.join();
}

UserDirectory::Answer UserDirectory::find(std::string_view name, Instant now) {
  const std::lock_guard guard(lock_);
  const auto found = kept_.find(std::string(name));
  if (found == kept_.end() || found->second.until < now) return {};
  return found->second.answer;
}

void UserDirectory::ask(UserQuestion& question) {
  {
    const std::lock_guard guard(lock_);
    questions_.push_back(&question);
  }
  waiting_.notify_one();
}

// getpwnam_r: a missing entry is 0 with no result, but several errno values mean the same (its
// manual page).
UserDirectory::Answer UserDirectory::look_up(const std::string& name) {
  std::vector<char> room(4096);
  passwd record{};
  passwd* result = nullptr;
  int error = 0;
  while ((error = getpwnam_r(name.c_str(), &record, room.data(), room.size(), &result)) == ERANGE &&
         room.size() < record_bytes_max)
    room.resize(room.size() * 2);
  if (result != nullptr)
    return {conf::AnswerState::Found, {name, record.pw_uid, record.pw_gid, record.pw_dir}};
  const bool missing =
      error == 0 || error == ENOENT || error == ESRCH || error == EBADF || error == EPERM;
  return {missing ? conf::AnswerState::NotFound : conf::AnswerState::TemporaryFailure, {}};
}

void UserDirectory::run() {
  std::unique_lock guard(lock_);
  while (true) {
    waiting_.wait(guard, [this] { return stopping_ || !questions_.empty(); });
    if (questions_.empty()) return;
    UserQuestion& question = *questions_.front();
    questions_.pop_front();
    guard.unlock();
    Answer answer = look_up(question.name);
    const Instant until = ring::monotonic_now() + kept_for(answer.state);
    guard.lock();
    if (kept_.size() >= kept_max) kept_.clear();
    kept_[question.name] = {std::move(answer), until};
    question.core.post(question);
  }
}

}  // namespace ringpost::mta
