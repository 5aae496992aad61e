// Segment files in a real folder: made, taken, released, dropped, and refused for want of space.
#include "engine/mta/segment_store.h"

#include <filesystem>
#include <fstream>
#include <thread>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/engine/mta/rig.h"

namespace ringpost::mta {
namespace {

namespace fs = std::filesystem;

class SegmentStoreTest : public testing::Test {
 protected:
  std::unique_ptr<SegmentStore> open(
      std::uint32_t ready_wanted, std::uint32_t segment_octets = 64 << 10,
      std::uint64_t free_octets_min = 0, std::uint32_t ready_low = 1,
      std::chrono::milliseconds calm_after = std::chrono::milliseconds(20)) {
    SegmentStoreOptions options;
    options.path = folder_.path();
    options.ready_wanted = ready_wanted;
    options.segment_octets = segment_octets;
    options.free_octets_min = free_octets_min;
    options.ready_low = ready_low;
    options.calm_after = calm_after;
    auto store = SegmentStore::open(std::move(options));
    EXPECT_TRUE(store) << to_text(store.error());
    return store ? std::move(*store) : nullptr;
  }
  static bool ready(const SegmentStore& store, std::uint32_t count) {
    return test::wait_for([&] { return store.ready() == count; });
  }
  std::size_t files() const {
    return static_cast<std::size_t>(std::distance(fs::directory_iterator(folder_.path()), {}));
  }

  test::TemporaryDirectory folder_;
  std::atomic<unsigned> changes_{0};
  std::function<void()> changed_ = [this] { ++changes_; };
};

TEST_F(SegmentStoreTest, MakesWhatIsWanted) {
  const auto store = open(3);
  EXPECT_EQ(store->take(WallTime{1}), std::nullopt);
  store->start(store::SegmentId{41}, changed_);
  ASSERT_TRUE(ready(*store, 3));
  EXPECT_EQ(store->total(), 3u);
  EXPECT_GE(changes_, 1u);
  EXPECT_FALSE(store->exhausted());
  EXPECT_EQ(fs::file_size(folder_.file("segment-000000")), 64u << 10);
}

TEST_F(SegmentStoreTest, IdsGoUpAndLivesDiffer) {
  const auto store = open(2);
  store->start(store::SegmentId{41}, changed_);
  ASSERT_TRUE(ready(*store, 2));
  const auto first = store->take(WallTime{7});
  ASSERT_TRUE(first);
  EXPECT_EQ(first->segment.value, 42u);
  EXPECT_EQ(first->opened, WallTime{7});
  ASSERT_TRUE(ready(*store, 2));
  const auto second = store->take(WallTime{8});
  ASSERT_TRUE(second);
  EXPECT_EQ(second->segment.value, 43u);
  EXPECT_NE(second->slot, first->slot);
  EXPECT_NE(second->life, first->life);
  EXPECT_EQ(store->slot_of(first->segment), first->slot);
  ASSERT_NE(store->file_of(first->segment), nullptr);
  EXPECT_EQ(store->file_of(first->segment)->path(), store->slot_file_path(first->slot));
  EXPECT_EQ(store->file_of(store::SegmentId{999}), nullptr);
  EXPECT_EQ(store->slot_of(store::SegmentId{999}), std::nullopt);
}

TEST_F(SegmentStoreTest, AReleasedSlotIsTakenAgainUnderANewId) {
  const auto store = open(1);
  store->start(store::SegmentId{0}, changed_);
  ASSERT_TRUE(ready(*store, 1));
  const auto first = store->take(WallTime{1});
  ASSERT_TRUE(ready(*store, 1));
  const unsigned changes = changes_;
  store->release(first->segment);
  EXPECT_GT(changes_, changes);
  EXPECT_EQ(store->file_of(first->segment), nullptr);
  const auto again = store->take(WallTime{2});
  EXPECT_EQ(again->slot, first->slot);
  EXPECT_GT(again->segment, first->segment);
}

TEST_F(SegmentStoreTest, OpensWhatIsThereAndGoesOnBehindIt) {
  {
    const auto store = open(2);
    store->start(store::SegmentId{0}, changed_);
    ASSERT_TRUE(ready(*store, 2));
  }
  std::ofstream(folder_.file("lock")) << "not a segment";
  std::ofstream(folder_.file("segment-x")) << "not a segment";
  std::ofstream(folder_.file("segment-000009.new")) << "left by a crash";
  const auto store = open(2);
  EXPECT_EQ(store->slots(), (std::vector<std::uint32_t>{0, 1}));
  store->adopt(0, store::SegmentId{5});
  store->adopt_free(1);
  store->start(store::SegmentId{5}, changed_);
  ASSERT_TRUE(ready(*store, 2));
  EXPECT_NE(store->file_of(store::SegmentId{5}), nullptr);
  EXPECT_EQ(store->total(), 3u);
  EXPECT_TRUE(fs::exists(folder_.file("segment-000002")));
}

TEST_F(SegmentStoreTest, FilesOfAnotherSizeGo) {
  {
    const auto store = open(3, 64 << 10);
    store->start(store::SegmentId{0}, changed_);
    ASSERT_TRUE(ready(*store, 3));
  }
  const auto store = open(1, 128 << 10);
  store->adopt(0, store::SegmentId{1});
  store->adopt_free(1);
  store->adopt_free(2);
  EXPECT_FALSE(fs::exists(folder_.file("segment-000001")));
  EXPECT_EQ(store->total(), 1u);
  store->start(store::SegmentId{1}, changed_);
  ASSERT_TRUE(ready(*store, 1));
  // In use when the size changed: it goes when it is released.
  store->release(store::SegmentId{1});
  EXPECT_TRUE(test::wait_for([&] { return !fs::exists(folder_.file("segment-000000")); }));
  EXPECT_TRUE(ready(*store, 1));
  EXPECT_EQ(store->file_of(store->take(WallTime{})->segment)->bytes(), 128u << 10);
}

TEST_F(SegmentStoreTest, SurplusIsTrimmed) {
  const auto store = open(1);
  store->start(store::SegmentId{0}, changed_);
  std::vector<store::SegmentId> taken;
  while (taken.size() < 30) {
    ASSERT_TRUE(test::wait_for([&] { return store->ready() > 0; }));
    taken.push_back(store->take(WallTime{})->segment);
  }
  for (const store::SegmentId segment : taken) store->release(segment);
  EXPECT_TRUE(test::wait_for([&] { return store->ready() <= 16; }));
  EXPECT_TRUE(test::wait_for([&] { return files() == store->total(); }));
  EXPECT_LE(store->total(), 17u);
  EXPECT_GE(store->total(), 1u);
}

// More space is asked for than there is; when the demand is met again it recovers by itself.
TEST_F(SegmentStoreTest, WantOfSpaceIsTold) {
  const auto store = open(2, 64 << 10, 1ULL << 62);
  store->start(store::SegmentId{0}, changed_);
  ASSERT_TRUE(test::wait_for([&] { return store->exhausted(); }));
  ASSERT_TRUE(store->last_fault());
  EXPECT_EQ(store->last_fault()->code, ENOSPC);
  EXPECT_EQ(store->take(WallTime{}), std::nullopt);
  EXPECT_GE(changes_, 1u);
}

// The folder goes and comes back: the same as a disk that fails for a while.
TEST_F(SegmentStoreTest, RecoversWhenTheFolderIsBack) {
  const auto store = open(1);
  fs::rename(folder_.path(), folder_.path() + "-away");
  store->start(store::SegmentId{0}, changed_);
  ASSERT_TRUE(test::wait_for([&] { return store->exhausted(); }));
  EXPECT_EQ(store->last_fault()->code, ENOENT);
  fs::rename(folder_.path() + "-away", folder_.path());
  ASSERT_TRUE(ready(*store, 1));
  EXPECT_FALSE(store->exhausted());
  EXPECT_FALSE(store->last_fault());
}

TEST_F(SegmentStoreTest, ReleaseEndsTheExhaustion) {
  const auto store = open(1);
  store->start(store::SegmentId{0}, changed_);
  ASSERT_TRUE(ready(*store, 1));
  fs::rename(folder_.path(), folder_.path() + "-away");
  const auto taken = store->take(WallTime{});
  ASSERT_TRUE(test::wait_for([&] { return store->exhausted(); }));
  store->release(taken->segment);
  EXPECT_FALSE(store->exhausted());
  EXPECT_TRUE(store->take(WallTime{}));
  EXPECT_TRUE(store->exhausted());
  fs::rename(folder_.path() + "-away", folder_.path());
}

TEST_F(SegmentStoreTest, NoFolderIsAFault) {
  SegmentStoreOptions options;
  options.path = folder_.file("missing");
  const auto store = SegmentStore::open(std::move(options));
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().code, ENOENT);
}

// What of a segment file was written, not only reserved.
std::uint64_t written_octets(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  const off_t hole = lseek(file, 0, SEEK_HOLE);
  ::close(file);
  return hole < 0 ? 0 : static_cast<std::uint64_t>(hole);
}

// Calls note_writing() without a pause for as long as it lives.
class Mail {
 public:
  explicit Mail(SegmentStore& store)
      : thread_([this, &store] {
          while (!over_) {
            store.note_writing();
            std::this_thread::sleep_for(std::chrono::microseconds(200));
          }
        }) {}
  ~Mail() {
    over_ = true;
    thread_.join();
  }

 private:
  std::atomic<bool> over_{false};
  std::thread thread_;
};

TEST_F(SegmentStoreTest, MakesNoneWhileMailIsWrittenAndEnoughAreReady) {
  const auto store = open(4, 1 << 20, 0, 2, std::chrono::seconds(2));
  store->start(store::SegmentId{0}, changed_);
  ASSERT_TRUE(ready(*store, 4));
  {
    const Mail mail(*store);
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    ASSERT_TRUE(store->take(WallTime{}));
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    EXPECT_EQ(store->ready(), 3u);
    EXPECT_EQ(store->total(), 4u);
    // At the low mark one is made all the same, slowly and whole.
    ASSERT_TRUE(store->take(WallTime{}));
    EXPECT_TRUE(ready(*store, 3));
    EXPECT_EQ(written_octets(store->slot_file_path(4)), 1u << 20);
  }
  EXPECT_TRUE(ready(*store, 4)) << "the rest when the mail pauses";
}

TEST_F(SegmentStoreTest, ACoreInAHurryGetsWhatIsOnlyReserved) {
  constexpr std::uint32_t large = 64 << 20;  // over a second at the slow pace
  const auto store = open(1, large, 0, 1, std::chrono::seconds(30));
  store->start(store::SegmentId{0}, changed_);
  ASSERT_TRUE(ready(*store, 1));
  const Mail mail(*store);
  std::this_thread::sleep_for(std::chrono::milliseconds(5));
  ASSERT_TRUE(store->take(WallTime{}));
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_EQ(store->take(WallTime{}), std::nullopt);
  store->hurry();
  ASSERT_TRUE(test::wait_for([&] { return store->ready() == 1; }));
  EXPECT_EQ(fs::file_size(store->slot_file_path(1)), large);
  EXPECT_LT(written_octets(store->slot_file_path(1)), large);
  // Nothing to hurry for: the next one is made as slowly as before.
  store->hurry();
  ASSERT_TRUE(store->take(WallTime{}));
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_EQ(store->ready(), 0u);
}

TEST_F(SegmentStoreTest, AwaitsTheFirstOnes) {
  const auto store = open(3);
  store->start(store::SegmentId{0}, changed_);
  store->await_ready(2, std::chrono::seconds(10));
  EXPECT_GE(store->ready(), 2u);
  const auto begin = std::chrono::steady_clock::now();
  store->await_ready(99, std::chrono::milliseconds(50));
  EXPECT_GE(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(50));
  const auto full = open(1, 64 << 10, 1ULL << 62);
  full->start(store::SegmentId{0}, changed_);
  full->await_ready(1, std::chrono::seconds(60));
  EXPECT_TRUE(full->last_fault());
}

// The workers are gone before the store is; a segment that is finished in between must not look for
// them.
TEST_F(SegmentStoreTest, LooksAtNothingOnceAnnouncementsHaveEnded) {
  auto told = std::make_unique<std::atomic<int>>(0);
  const auto store = open(1);
  store->start(store::SegmentId{}, [counter = told.get()] { ++*counter; });
  ASSERT_TRUE(ready(*store, 1));
  while (*told == 0) std::this_thread::yield();  // it is told of a moment after it is ready
  store->end_announcements();
  told.reset();
  const auto segment = store->take(WallTime{});
  ASSERT_TRUE(segment);
  ASSERT_TRUE(ready(*store, 1));
  store->release(segment->segment);
}

}  // namespace
}  // namespace ringpost::mta
