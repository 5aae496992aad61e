// Segment files: see segment_store.h.
#include "engine/mta/segment_store.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include <dirent.h>
#include <fmt/format.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "engine/mta/random.h"
#include "proto/base/ascii.h"
#include "proto/base/check.h"

namespace ringpost::mta {
namespace {

constexpr std::string_view file_prefix = "segment-";
constexpr auto retry_after_fault = std::chrono::seconds(1);
// While mail is written: how often it is looked whether it still is, and the pace below the low
// mark.
constexpr std::size_t slow_step_bytes = 64 * 1024;
constexpr auto pause_per_slow_step = std::chrono::microseconds(1250);

std::optional<std::uint32_t> slot_of_name(std::string_view name) {
  if (!name.starts_with(file_prefix)) return std::nullopt;
  return ascii::parse_decimal<std::uint32_t>(name.substr(file_prefix.size()));
}

bool is_damage(const Fault& fault) { return fault.code == EIO || fault.code == EUCLEAN; }

}  // namespace

std::expected<std::unique_ptr<SegmentStore>, Fault> SegmentStore::open(
    SegmentStoreOptions options) {
  std::unique_ptr<SegmentStore> self(new SegmentStore(std::move(options)));
  if (auto opened = self->open_slots(); !opened) return std::unexpected(opened.error());
  return self;
}

SegmentStore::~SegmentStore() {
  {
    const std::unique_lock guard(lock_);
    stopping_ = true;
  }
  wanted_.notify_all();
  if (maker_.joinable()) maker_.join();
}

std::string SegmentStore::slot_path(std::uint32_t slot) const {
  return fmt::format("{}/{}{:06}", options_.path, file_prefix, slot);
}

std::expected<void, Fault> SegmentStore::open_slots() {
  DIR* folder = opendir(options_.path.c_str());
  if (folder == nullptr) return std::unexpected(Fault{"opendir", errno, options_.path});
  std::expected<void, Fault> result;
  while (const dirent* entry = readdir(folder)) {
    const auto slot = slot_of_name(entry->d_name);
    if (!slot) continue;
    auto file = disk::DirectFile::open(slot_path(*slot));
    next_slot_ = std::max(next_slot_, *slot + 1);
    if (!file && is_damage(file.error())) {
      unopened_.push_back(file.error());
      continue;
    }
    if (!file) {
      result = std::unexpected(file.error());
      break;
    }
    slots_.emplace(*slot, std::make_unique<Slot>(std::move(*file), store::SegmentId{}));
  }
  closedir(folder);
  return result;
}

std::vector<std::uint32_t> SegmentStore::slots() const {
  std::vector<std::uint32_t> result;
  for (const auto& [slot, entry] : slots_) result.push_back(slot);
  std::ranges::sort(result);
  return result;
}

const disk::DirectFile& SegmentStore::slot_file(std::uint32_t slot) const {
  return slots_.at(slot)->file;
}

void SegmentStore::adopt(std::uint32_t slot, store::SegmentId segment) {
  slots_.at(slot)->segment = segment;
  in_use_.emplace(segment, slot);
}

// A file of another size (the configuration changed) cannot be reused; it goes.
void SegmentStore::adopt_free(std::uint32_t slot) {
  if (slots_.at(slot)->file.bytes() == options_.segment_octets) {
    free_.push_back(slot);
    return;
  }
  unlink(slot_path(slot).c_str());
  slots_.erase(slot);
}

void SegmentStore::start(store::SegmentId highest, std::function<void()> changed) {
  next_segment_ = highest.value + 1;
  changed_ = std::move(changed);
  maker_ = std::thread([this] { make_segments(); });
}

std::optional<store::FreshSegment> SegmentStore::take(WallTime now) {
  const std::unique_lock guard(lock_);
  if (free_.empty()) {
    wanted_.notify_all();
    return std::nullopt;
  }
  // The slot freed last: its blocks are the likeliest to be near in the disk's own caches.
  const std::uint32_t slot = free_.back();
  free_.pop_back();
  const store::SegmentId segment{next_segment_.fetch_add(1)};
  slots_.at(slot)->segment = segment;
  in_use_.emplace(segment, slot);
  note_exhaustion();
  wanted_.notify_all();
  return store::FreshSegment{
      .slot = slot, .segment = segment, .life = random_number(), .opened = now};
}

void SegmentStore::release(store::SegmentId segment) {
  {
    const std::unique_lock guard(lock_);
    const auto found = in_use_.find(segment);
    CHECK(found != in_use_.end());
    Slot& slot = *slots_.at(found->second);
    slot.segment = store::SegmentId{};
    const bool reusable = slot.file.bytes() == options_.segment_octets;
    (reusable ? free_ : condemned_).push_back(found->second);
    in_use_.erase(found);
    note_exhaustion();
  }
  wanted_.notify_all();
  announce();
}

const disk::DirectFile* SegmentStore::file_of(store::SegmentId segment) const {
  const std::shared_lock guard(lock_);
  const auto found = in_use_.find(segment);
  return found == in_use_.end() ? nullptr : &slots_.at(found->second)->file;
}

std::optional<std::uint32_t> SegmentStore::slot_of(store::SegmentId segment) const {
  const std::shared_lock guard(lock_);
  const auto found = in_use_.find(segment);
  if (found == in_use_.end()) return std::nullopt;
  return found->second;
}

std::optional<Fault> SegmentStore::last_fault() const {
  const std::shared_lock guard(lock_);
  return fault_;
}

std::uint32_t SegmentStore::ready() const {
  const std::shared_lock guard(lock_);
  return static_cast<std::uint32_t>(free_.size());
}

std::uint32_t SegmentStore::total() const {
  const std::shared_lock guard(lock_);
  return static_cast<std::uint32_t>(slots_.size());
}

std::expected<void, Fault> SegmentStore::check_space() const {
  struct statvfs space{};
  if (statvfs(options_.path.c_str(), &space) != 0)
    return std::unexpected(Fault{"statvfs", errno, options_.path});
  const std::uint64_t free_octets = static_cast<std::uint64_t>(space.f_bavail) * space.f_frsize;
  if (free_octets < options_.free_octets_min + options_.segment_octets)
    return std::unexpected(Fault{"new segment", ENOSPC, options_.path});
  return {};
}

// A backlog that has drained leaves many free segments behind: their space goes back to the file
// system.
std::size_t SegmentStore::kept_max() const {
  return std::max<std::size_t>(std::size_t{options_.ready_wanted} * 4, 16);
}

void SegmentStore::note_exhaustion() { exhausted_ = free_.empty() && fault_.has_value(); }

void SegmentStore::trim() {
  std::vector<std::pair<std::uint32_t, std::unique_ptr<Slot>>> surplus;
  {
    const std::unique_lock guard(lock_);
    while (free_.size() > kept_max()) {
      condemned_.push_back(free_.front());
      free_.erase(free_.begin());
    }
    for (const std::uint32_t slot : condemned_) {
      surplus.emplace_back(slot, std::move(slots_.at(slot)));
      slots_.erase(slot);
    }
    condemned_.clear();
  }
  // Outside the lock: removing a large file takes its time, and cores look files up under it.
  for (const auto& [slot, file] : surplus) unlink(slot_path(slot).c_str());
}

// Waits until a slot is to be made, or there is something to trim; nothing: the end.
std::optional<std::uint32_t> SegmentStore::slot_to_make() {
  while (true) {
    trim();
    std::unique_lock guard(lock_);
    wanted_.wait(guard, [this] {
      return stopping_ || free_.size() < options_.ready_wanted || free_.size() > kept_max() ||
             !condemned_.empty();
    });
    if (stopping_) return std::nullopt;
    if (free_.size() < options_.ready_wanted) return next_slot_++;
  }
}

void SegmentStore::made(std::uint32_t slot, std::expected<disk::DirectFile, Fault> file) {
  const std::unique_lock guard(lock_);
  if (file) {
    fault_.reset();
    slots_.emplace(slot, std::make_unique<Slot>(std::move(*file), store::SegmentId{}));
    free_.push_back(slot);
  } else {
    fault_ = file.error();
  }
  hurried_ = false;
  note_exhaustion();
  wanted_.notify_all();
}

void SegmentStore::announce() {
  const std::lock_guard guard(announcing_);
  if (changed_) changed_();
}

void SegmentStore::end_announcements() {
  const std::lock_guard guard(announcing_);
  changed_ = nullptr;
}

// Zeros compete with commits for the disk (README.md): as long as mail is being written they wait
// until few slots are left, and then go slowly.
std::size_t SegmentStore::zeros_to_write() {
  std::unique_lock guard(lock_);
  while (!stopping_) {
    if (hurried_ && free_.empty()) return 0;
    const auto now = std::chrono::steady_clock::now();
    if (writing_.exchange(false, std::memory_order_relaxed)) mail_seen_ = now;
    if (now - mail_seen_ >= options_.calm_after) break;
    const auto few = [this] { return stopping_ || free_.size() <= options_.ready_low; };
    if (!few()) {
      wanted_.wait_for(guard, options_.calm_after, few);
      continue;
    }
    wanted_.wait_for(guard, pause_per_slow_step, [this] { return stopping_ || hurried_; });
    if (!hurried_) return slow_step_bytes;
  }
  return disk::fill_step_bytes;
}

void SegmentStore::hurry() {
  {
    const std::unique_lock guard(lock_);
    if (hurried_ || !free_.empty()) return;
    hurried_ = true;
  }
  wanted_.notify_all();
}

void SegmentStore::await_ready(std::uint32_t count, std::chrono::milliseconds limit) {
  std::unique_lock guard(lock_);
  wanted_.wait_for(guard, limit, [&] { return free_.size() >= count || fault_.has_value(); });
}

void SegmentStore::make_segments() {
  while (const auto slot = slot_to_make()) {
    const auto space = check_space();
    std::expected<disk::DirectFile, Fault> file =
        space ? disk::DirectFile::create(slot_path(*slot), options_.segment_octets,
                                         [this] { return zeros_to_write(); })
              : std::unexpected(space.error());
    const bool failed = !file;
    made(*slot, std::move(file));
    announce();
    if (!failed) continue;
    std::unique_lock guard(lock_);
    wanted_.wait_for(guard, retry_after_fault, [this] { return stopping_; });
  }
}

}  // namespace ringpost::mta
