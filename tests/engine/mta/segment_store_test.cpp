// The thread that makes segments: it tells whoever waits for them, and nobody any more once
// silenced.
#include "engine/mta/segment_store.h"

#include <atomic>
#include <chrono>
#include <filesystem>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include <gtest/gtest.h>
#include <unistd.h>

namespace ringpost::mta {
namespace {

class SegmentStoreTest : public testing::Test {
 protected:
  SegmentStoreTest() {
    std::filesystem::create_directories(path_);
    SegmentStoreOptions options;
    options.path = path_;
    options.segment_octets = 1 << 20;
    options.ready_wanted = 1;
    options.free_octets_min = 0;
    auto store = SegmentStore::open(std::move(options));
    EXPECT_TRUE(store);
    if (store) store_ = std::move(*store);
  }
  ~SegmentStoreTest() override {
    store_.reset();
    std::filesystem::remove_all(path_);
  }

  // Waits until a segment is ready to be taken; false after a generous time.
  bool wait_until_ready() const {
    for (int tries = 0; tries < 3000 && store_->ready() == 0; ++tries)
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    return store_->ready() > 0;
  }

  std::string path_ = testing::TempDir() + "segments-" + std::to_string(getpid());
  std::unique_ptr<SegmentStore> store_;
};

TEST_F(SegmentStoreTest, TellsWhenASegmentWasMade) {
  std::promise<void> told;
  std::once_flag once;
  store_->start(store::SegmentId{}, [&] { std::call_once(once, [&told] { told.set_value(); }); });
  told.get_future().wait();
  EXPECT_EQ(store_->ready(), 1u);
  EXPECT_TRUE(store_->take(WallTime{}));
  store_->end_announcements();
}

// The workers are gone before the store is; a segment that is finished in between must not look for
// them.
TEST_F(SegmentStoreTest, LooksAtNothingOnceAnnouncementsHaveEnded) {
  auto told = std::make_unique<std::atomic<int>>(0);
  store_->start(store::SegmentId{}, [counter = told.get()] { ++*counter; });
  ASSERT_TRUE(wait_until_ready());
  store_->end_announcements();
  told.reset();
  const auto segment = store_->take(WallTime{});
  ASSERT_TRUE(segment);
  ASSERT_TRUE(wait_until_ready());
  store_->release(segment->segment);
}

}  // namespace
}  // namespace ringpost::mta
