// Recovery of spools that a rig wrote: by other numbers of cores, damaged, cut off, and with lost
// files.
#include "engine/mta/recover.h"

#include <filesystem>
#include <fstream>
#include <map>
#include <set>

#include <fcntl.h>
#include <gtest/gtest.h>

#include "tests/engine/mta/rig.h"
#include "tests/engine/net/peer.h"

namespace ringpost::mta {
namespace {

namespace fs = std::filesystem;

class RecoverTest : public testing::Test {
 protected:
  // `count` messages of 300,000 octets, ended as by a crash.
  void write(unsigned count) {
    test::SpoolRig rig(folder_.path());
    ASSERT_TRUE(rig.start());
    for (unsigned i = 0; i < count; ++i) {
      messages_.push_back(rig.accept(test::pattern(300'000, i)));
      paths_[messages_.back().where.segment] =
          rig.segments->file_of(messages_.back().where.segment)->path();
    }
  }
  RecoveredState recover_with(unsigned cores, SegmentRead read = &disk::DirectFile::read) {
    segments_ = test::open_store(folder_.path());
    log_ = test::open_log(folder_.file("recovery.log"));
    auto state = recover(*segments_, cores, *log_, std::move(read));
    EXPECT_TRUE(state);
    return state ? std::move(*state) : RecoveredState{};
  }
  bool logged(const std::string& text) {
    return test::wait_for(
        [&] {
          return test::read_text(folder_.file("recovery.log")).find(text) != std::string::npos;
        },
        seconds(5));
  }
  static void overwrite(const std::string& path, std::uint64_t offset, std::size_t octets) {
    const int file = open(path.c_str(), O_WRONLY);
    const std::string noise = test::pattern(octets);
    ASSERT_EQ(pwrite(file, noise.data(), octets, static_cast<off_t>(offset)),
              static_cast<ssize_t>(octets));
    ASSERT_EQ(fsync(file), 0);
    close(file);
  }

  test::TemporaryDirectory folder_;
  std::vector<test::Spooled> messages_;
  std::map<store::SegmentId, std::string> paths_;
  std::unique_ptr<SegmentStore> segments_;
  std::unique_ptr<observe::EventLog> log_;
};

TEST_F(RecoverTest, AnEmptySpool) {
  const RecoveredState state = recover_with(3);
  EXPECT_EQ(state.messages, 0u);
  EXPECT_EQ(state.shares.size(), 3u);
  EXPECT_EQ(state.segment_max.value, 0u);
  EXPECT_TRUE(logged("spool.recovered"));
}

TEST_F(RecoverTest, EverythingThatWasAcknowledgedIsThere) {
  write(8);
  const RecoveredState state = recover_with(1);
  ASSERT_EQ(state.messages, 8u);
  const RecoveredShare& share = state.shares[0];
  for (std::size_t i = 0; i < 8; ++i) EXPECT_EQ(share.messages[i].id, messages_[i].id);
  EXPECT_EQ(share.last_id, messages_.back().id.value);
  EXPECT_GE(state.segment_max, messages_.back().where.segment);
  EXPECT_TRUE(share.borrowed.empty() && share.lent.empty());
  for (const auto& [segment, path] : paths_) EXPECT_NE(segments_->file_of(segment), nullptr);
}

// Log 0 belongs to core 0 whatever the number of cores; nobody else gets anything of it.
TEST_F(RecoverTest, ByMoreCores) {
  write(8);
  const RecoveredState state = recover_with(4);
  EXPECT_EQ(state.shares[0].messages.size(), 8u);
  for (unsigned core = 1; core < 4; ++core) {
    EXPECT_TRUE(state.shares[core].messages.empty());
    EXPECT_TRUE(state.shares[core].segments.empty());
  }
}

TEST_F(RecoverTest, CompletedMessagesStayDead) {
  {
    test::SpoolRig rig(folder_.path());
    ASSERT_TRUE(rig.start());
    for (unsigned i = 0; i < 6; ++i) messages_.push_back(rig.accept(test::pattern(50'000, i)));
    for (unsigned i = 0; i < 6; i += 2) rig.complete(messages_[i].id);
  }
  const RecoveredState state = recover_with(1);
  ASSERT_EQ(state.messages, 3u);
  EXPECT_EQ(state.shares[0].messages[0].id, messages_[1].id);
}

TEST_F(RecoverTest, DamageIsReportedAndTheRestLives) {
  write(8);
  const store::Extent& torn = messages_[1].where;
  overwrite(paths_[torn.segment], torn.offset, torn.length);
  const RecoveredState state = recover_with(1);
  EXPECT_EQ(state.messages, 7u);
  for (const auto& message : state.shares[0].messages) EXPECT_NE(message.id, messages_[1].id);
  EXPECT_TRUE(logged("segment.quarantined"));
  EXPECT_TRUE(logged(paths_[torn.segment]));
}

// Nothing in it can be read: it is neither taken for free nor removed.
TEST_F(RecoverTest, AnUnreadableSegmentIsLeftAlone) {
  write(1);
  const std::string& path = paths_.begin()->second;
  overwrite(path, 0, test::small_segment_octets);
  const RecoveredState state = recover_with(1);
  EXPECT_EQ(state.messages, 0u);
  EXPECT_TRUE(fs::exists(path));
  segments_->start(state.segment_max, [] {});
  EXPECT_TRUE(test::wait_for([&] { return segments_->ready() >= 2; }));
  std::set<std::string> taken;
  while (const auto fresh = segments_->take(WallTime{}))
    taken.insert(segments_->slot_file_path(fresh->slot));
  EXPECT_FALSE(taken.contains(path));
}

// A disk that does not give the block at `bad` of one file, nor anything when there is no such
// block.
SegmentRead failing(const std::string& path, std::optional<std::uint64_t> bad) {
  return [path, bad](const disk::DirectFile& file, std::uint64_t offset,
                     MutableBytes target) -> std::expected<std::size_t, Fault> {
    const bool hit = !bad || (offset <= *bad && *bad < offset + target.size());
    if (file.path() == path && hit) return std::unexpected(Fault{"read", EIO, path});
    return file.read(offset, target);
  };
}

// What lies around the block lives, and nothing is written to the file again.
TEST_F(RecoverTest, ABlockThatCannotBeReadCostsWhatIsInIt) {
  write(8);
  const store::Extent& lost = messages_[1].where;
  const std::string& path = paths_[lost.segment];
  const std::uint64_t block = lost.offset / store::block_octets * store::block_octets;
  const RecoveredState state = recover_with(1, failing(path, block));
  EXPECT_GE(state.messages, 6u);
  EXPECT_LT(state.messages, 8u);
  EXPECT_TRUE(std::ranges::count(state.shares[0].lent, lost.segment) == 1);
  EXPECT_TRUE(logged("segment.quarantined"));
  EXPECT_TRUE(logged("Input/output error"));
}

TEST_F(RecoverTest, AFileThatCannotBeReadAtAllIsKeptAndTheRestLives) {
  write(8);
  const std::string path = paths_.begin()->second;
  const auto here = static_cast<std::uint64_t>(std::ranges::count_if(
      messages_, [&](const auto& m) { return paths_[m.where.segment] == path; }));
  ASSERT_LT(here, 8u);
  const RecoveredState state = recover_with(2, failing(path, std::nullopt));
  EXPECT_EQ(state.messages, 8u - here);
  EXPECT_TRUE(logged(path));
  EXPECT_TRUE(fs::exists(path));
  segments_->start(state.segment_max, [] {});
  ASSERT_TRUE(test::wait_for([&] { return segments_->ready() >= 2; }));
  while (const auto fresh = segments_->take(WallTime{}))
    EXPECT_NE(segments_->slot_file_path(fresh->slot), path);
  // Another start, of a disk that gives it again.
  EXPECT_EQ(recover_with(1).messages, 8u);
}

TEST_F(RecoverTest, WhatARecipientWasToldLastIsThere) {
  {
    test::SpoolRig rig(folder_.path());
    ASSERT_TRUE(rig.start());
    messages_.push_back(rig.accept("x\r\n", 3));
    for (std::uint16_t attempt = 1; attempt <= 2; ++attempt) {
      test::NotedCommit commit;
      const store::Outcome outcome{.recipient = 1,
                                   .progress = {.next_due = WallTime{attempt},
                                                .attempts = attempt,
                                                .status = store::DeliveryStatus::Delayed},
                                   .text = "refused " + std::to_string(attempt)};
      ASSERT_TRUE(rig.spooler->append(messages_[0].id, outcome, commit));
      ASSERT_TRUE(rig.run([&] { return commit.told == 1; }));
    }
  }
  const RecoveredState state = recover_with(2);
  ASSERT_EQ(state.shares[0].errors.size(), 1u);
  EXPECT_EQ(state.shares[0].errors[0].id, messages_[0].id);
  EXPECT_EQ(state.shares[0].errors[0].recipient, 1u);
  EXPECT_EQ(state.shares[0].errors[0].text, "refused 2");
}

TEST_F(RecoverTest, AFileThatWasCutOffAtAnOddPlace) {
  write(8);
  fs::resize_file(paths_[messages_[0].where.segment], 700'001);
  const RecoveredState state = recover_with(1);
  EXPECT_GE(state.messages, 5u);
  EXPECT_LT(state.messages, 8u);
}

TEST_F(RecoverTest, AnEmptyFileGoes) {
  std::ofstream(folder_.file("segment-000003")) << "";
  EXPECT_EQ(recover_with(1).messages, 0u);
  EXPECT_FALSE(fs::exists(folder_.file("segment-000003")));
}

// The content of a message spans two segments and the first is gone: the message stays, for its
// sender was told 250, and its attempts will say what is missing.
TEST_F(RecoverTest, ALostSegmentDoesNotStopTheStart) {
  {
    test::SpoolRig rig(folder_.path());
    ASSERT_TRUE(rig.start());
    rig.accept(test::pattern(700'000));
    messages_.push_back(rig.accept(test::pattern(700'000)));
    const auto& extents = messages_[0].envelope.extents;
    ASSERT_NE(extents.front().segment, messages_[0].where.segment);
    paths_[extents.front().segment] = rig.segments->file_of(extents.front().segment)->path();
  }
  fs::remove(paths_.begin()->second);
  const RecoveredState state = recover_with(2);
  ASSERT_EQ(state.messages, 1u);
  EXPECT_EQ(state.shares[0].messages[0].id, messages_[0].id);
  EXPECT_TRUE(state.shares[0].borrowed.empty());
}

}  // namespace
}  // namespace ringpost::mta
