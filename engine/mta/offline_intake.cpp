// Taking offline mail in: see offline_intake.h. Everything is done by the folder's descriptor, so
// that nobody can put another folder in its place.
#include "engine/mta/offline_intake.h"

#include <algorithm>
#include <cerrno>
#include <optional>
#include <vector>

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/mta/home.h"
#include "engine/mta/host_name.h"
#include "engine/mta/offline_folder.h"
#include "engine/mta/submit.h"
#include "engine/ring/clock.h"
#include "engine/ring/quiet_thread.h"
#include "proto/base/ascii.h"
#include "proto/base/check.h"

namespace ringpost::mta {
namespace {

// What a program that died left behind is thrown away; what is refused for now again and again is
// put aside.
constexpr Duration unfinished_kept_max = seconds(86'400);
constexpr Duration message_kept_max = seconds(4 * 86'400);
constexpr std::string_view aside_suffix = "-refused";

bool is_name(std::string_view name, std::string_view prefix) {
  return name.size() == prefix.size() + 16 && name.starts_with(prefix) &&
         ascii::parse_decimal<std::uint64_t>(name.substr(prefix.size()), 16).has_value();
}

std::vector<std::string> names_in(int folder) {
  std::vector<std::string> names;
  const int copy = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR* listing = copy < 0 ? nullptr : fdopendir(copy);
  if (listing == nullptr) {
    if (copy >= 0) close(copy);
    return names;
  }
  while (const dirent* entry = readdir(listing)) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  closedir(listing);
  std::ranges::sort(names);
  return names;
}

bool is_older(const struct stat& status, Duration age) {
  return WallTime{status.st_mtim.tv_sec * 1'000'000} + age < ring::wall_now();
}

std::optional<std::string> read_whole(int file, std::uint64_t octets) {
  std::string text(octets, '\0');
  std::size_t got = 0;
  while (got < text.size()) {
    const ssize_t count = read(file, text.data() + got, text.size() - got);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return std::nullopt;
    got += static_cast<std::size_t>(count);
  }
  return text;
}

}  // namespace

std::expected<void, Fault> OfflineIntake::start(OfflineIntakeOptions options,
                                                observe::EventLog& log) {
  options_ = std::move(options);
  log_ = &log;
  stopping_ = false;
  folder_ = open(options_.folder.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (folder_ < 0) return std::unexpected(Fault{"open", errno, options_.folder});
  wake_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (wake_ < 0) return std::unexpected(Fault{"eventfd", errno});
  thread_ = ring::quiet_thread([this] { run(); });
  started_ = true;
  return {};
}

void OfflineIntake::wake() const {
  const std::uint64_t one = 1;
  CHECK(write(wake_, &one, sizeof one) == sizeof one);
}

void OfflineIntake::look_now() {
  anew_ = true;
  if (started_) wake();
}

void OfflineIntake::stop() {
  started_ = false;
  if (thread_.joinable()) {
    stopping_ = true;
    wake();
    thread_.join();
  }
  for (int* file : {&wake_, &folder_}) {
    if (*file >= 0) close(*file);
    *file = -1;
  }
}

void OfflineIntake::run() {
  while (!stopping()) {
    pass();
    pollfd woken{wake_, POLLIN, 0};
    poll(&woken, 1, static_cast<int>(options_.interval.milliseconds()));
    std::uint64_t count = 0;
    static_cast<void>(!read(wake_, &count, sizeof count));
  }
}

void OfflineIntake::pass() {
  if (anew_.exchange(false)) given_up_.clear();
  for (const std::string& name : names_in(folder_)) {
    if (stopping()) return;
    if (!given_up_.contains(name)) look_at(name);
  }
}

void OfflineIntake::look_at(const std::string& name) {
  if (is_name(name, offline_unfinished_prefix)) {
    struct stat status{};
    if (fstatat(folder_, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 &&
        is_older(status, unfinished_kept_max))
      unlinkat(folder_, name.c_str(), 0);
    return;
  }
  const Taken taken = take(name);
  if (taken.why_not.empty()) {
    hand_in(name, taken);
  } else {
    set_aside(name, taken.owner, taken.why_not);
  }
}

// The owner may change the file at any time: all that is believed is what was read, once.
OfflineIntake::Taken OfflineIntake::take(const std::string& name) const {
  struct stat status{};
  if (fstatat(folder_, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) return {"unreadable"};
  Taken taken{.owner = status.st_uid};
  const auto refused = [&taken](std::string_view reason) {
    taken.why_not = reason;
    return taken;
  };
  if (!is_name(name, offline_prefix)) return refused("unknown name");
  const int file =
      openat(folder_, name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  if (file < 0) return refused(errno == ELOOP ? "symbolic link" : "cannot be opened");
  const bool known = fstat(file, &status) == 0;
  const bool fits =
      known && static_cast<std::uint64_t>(status.st_size) <=
                   options_.message_octets_max + submission::offline_envelope_octets_max;
  const bool plain = known && S_ISREG(status.st_mode) && status.st_nlink == 1;
  std::optional<std::string> text;
  if (plain && fits) text = read_whole(file, static_cast<std::uint64_t>(status.st_size));
  close(file);
  if (!plain) return refused("no file of its own");
  if (!fits) return refused("too large");
  if (!text) return refused("unreadable");
  auto message = submission::decode_offline(*text);
  if (!message) return refused("not a whole message");
  if (message->uid != status.st_uid) return refused("not its owner's");
  taken.owner = status.st_uid;
  taken.inode = status.st_ino;
  taken.is_old = is_older(status, message_kept_max);
  taken.message = std::move(*message);
  return taken;
}

SubmitResult OfflineIntake::submit_as(std::uint32_t uid, const submission::Submission& message) {
  const std::lock_guard guard(turn_);
  uid_ = uid;
  SubmitOptions options;
  options.socket_path = options_.socket_path;
  options.hello_name = host_name();
  options.stop_file = wake_;
  return submit(message, options);
}

SubmitResult OfflineIntake::submit_own(const submission::Submission& message) {
  return submit_as(geteuid(), message);
}

void OfflineIntake::hand_in(const std::string& name, const Taken& taken) {
  const SubmitResult result = submit_as(taken.owner, taken.message.submission);
  const bool accepted = result.kind == SubmitResult::Kind::Accepted;
  const std::string detail = result.kind == SubmitResult::Kind::NotTaken
                                 ? result.reason
                                 : fmt::format("{} {}", result.reply.code, result.reply.text);
  const bool refused = result.kind == SubmitResult::Kind::Refused;
  if (refused && (result.reply.view().severity() == 5 || taken.is_old)) {
    set_aside(name, taken.owner, detail);
    return;
  }
  log_->emit(ring::wall_now(),
             observe::OfflineTried{
                 .file = name, .uid = taken.owner, .accepted = accepted, .detail = detail});
  if (accepted) remove(name, taken.inode);
}

// Unless its owner has put another file in its place meanwhile.
void OfflineIntake::remove(const std::string& name, std::uint64_t inode) const {
  struct stat status{};
  const bool same =
      fstatat(folder_, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 && status.st_ino == inode;
  if (same) unlinkat(folder_, name.c_str(), 0);
}

void OfflineIntake::set_aside(const std::string& name, std::uint32_t owner,
                              std::string_view reason) {
  const std::string aside = options_.folder + std::string(aside_suffix);
  const std::string target =
      fmt::format("{}/{:x}.{}", aside, ring::wall_now().us, name.substr(0, 200));
  const bool moved = make_folders(aside).has_value() &&
                     renameat(folder_, name.c_str(), AT_FDCWD, target.c_str()) == 0;
  if (!moved) given_up_.insert(name);
  log_->emit(ring::wall_now(),
             observe::OfflineSetAside{.file = name,
                                      .uid = owner,
                                      .reason = reason,
                                      .target = moved ? std::string_view(target) : ""});
}

}  // namespace ringpost::mta
