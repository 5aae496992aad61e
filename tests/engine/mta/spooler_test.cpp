// The spooler on a real ring and real segments: group commit, lent buffers, failing writes, want of
// room.
#include "engine/mta/spooler.h"

#include <filesystem>

#include <fcntl.h>
#include <gtest/gtest.h>

#include "tests/engine/mta/rig.h"
#include "tests/engine/net/peer.h"

namespace ringpost::mta {
namespace {

// Every write to the file of `segment` fails from now on: its descriptor becomes a read-only one.
void break_writes(const SegmentStore& segments, store::SegmentId segment) {
  const disk::DirectFile* file = segments.file_of(segment);
  ASSERT_NE(file, nullptr);
  const int read_only = open(file->path().c_str(), O_RDONLY | O_DIRECT | O_CLOEXEC);
  ASSERT_GE(dup2(read_only, file->file()), 0);
  close(read_only);
}

store::Envelope envelope_of(std::vector<store::Extent> extents) {
  store::Envelope envelope;
  envelope.reverse_path = "a@example.org";
  envelope.recipients.resize(1);
  envelope.extents = std::move(extents);
  return envelope;
}

using test::NotedCommit;

class SpoolerTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(rig_.start()); }
  Spooler& spooler() { return *rig_.spooler; }
  // A message of `content`, whose commit waits.
  std::vector<store::Extent> begin(std::string_view content, NotedCommit& commit) {
    const QueueId id = spooler().new_id();
    auto extents = rig_.spool(id, content, leases_);
    EXPECT_TRUE(spooler().append(id, envelope_of(extents), commit));
    return extents;
  }

  test::TemporaryDirectory folder_;
  test::SpoolRig rig_{folder_.path()};
  ContentLeases leases_{rig_.index};
};

TEST_F(SpoolerTest, IdsAreNeverGivenTwice) {
  QueueId last = spooler().new_id();
  for (int i = 0; i < 10'000; ++i) {
    const QueueId next = spooler().new_id();
    ASSERT_GT(next, last);
    ASSERT_EQ(next.core(), 0u);
    last = next;
  }
}

TEST_F(SpoolerTest, ManyCommitsLeaveInOneWrite) {
  std::array<NotedCommit, 100> commits;
  std::vector<std::vector<store::Extent>> extents;
  begin("first", commits[0]);
  ASSERT_TRUE(rig_.run([&] { return commits[0].told == 1; }));
  const std::uint64_t writes = rig_.metrics.spool.commits.value();
  for (std::size_t i = 1; i < commits.size(); ++i) {
    const QueueId id = spooler().new_id();
    auto& mine = extents.emplace_back();
    const std::string content = "content " + std::to_string(i);
    ASSERT_EQ(spooler().append_content(id, bytes_of(content), {}, mine), content.size());
    ASSERT_TRUE(spooler().append(id, envelope_of(mine), commits[i]));
    EXPECT_TRUE(commits[i].waiting());
  }
  EXPECT_FALSE(spooler().idle());
  ASSERT_TRUE(rig_.run([&] { return commits.back().told == 1; }));
  for (const NotedCommit& commit : commits) EXPECT_TRUE(commit.told == 1 && commit.durable);
  EXPECT_EQ(rig_.metrics.spool.commits.value(), writes + 1);
  EXPECT_EQ(rig_.read(extents[41]).value(), "content 42");
  EXPECT_TRUE(spooler().idle());
}

// What is appended while a write is out is the next group.
TEST_F(SpoolerTest, OneWriteIsInFlight) {
  std::array<NotedCommit, 3> commits;
  begin("a", commits[0]);
  spooler().flush();
  begin("b", commits[1]);
  begin("c", commits[2]);
  spooler().flush();
  const std::uint64_t writes = rig_.metrics.spool.commits.value();
  ASSERT_TRUE(rig_.run([&] { return commits[2].told == 1; }));
  EXPECT_LE(rig_.metrics.spool.commits.value(), writes + 2);
  EXPECT_TRUE(commits[0].durable && commits[1].durable && commits[2].durable);
}

TEST_F(SpoolerTest, EveryKindOfRecord) {
  const test::Spooled message = rig_.accept("x", 2);
  NotedCommit outcome;
  NotedCommit completed;
  ASSERT_TRUE(spooler().append(message.id, store::Outcome{0, {}, "detail"}, outcome));
  ASSERT_TRUE(spooler().append_completed(message.id, completed));
  ASSERT_TRUE(rig_.run([&] { return completed.told == 1; }));
  EXPECT_TRUE(outcome.durable && completed.durable);
}

TEST_F(SpoolerTest, AFailedWriteFailsAllThatWaitAndTheNextSegmentServes) {
  const test::Spooled before = rig_.accept("before");
  std::array<NotedCommit, 3> commits;
  const auto lost = begin("lost", commits[0]);
  const std::uint32_t epoch = spooler().epoch();
  break_writes(*rig_.segments, lost.front().segment);
  spooler().flush();
  begin("staged meanwhile", commits[1]);
  begin("staged meanwhile", commits[2]);
  ASSERT_TRUE(rig_.run([&] { return commits[2].told == 1; }));
  for (const NotedCommit& commit : commits) EXPECT_TRUE(commit.told == 1 && !commit.durable);
  EXPECT_NE(spooler().epoch(), epoch);
  EXPECT_EQ(rig_.metrics.spool.faults.value(), 1u);
  const test::Spooled after = rig_.accept("after");
  EXPECT_NE(after.envelope.extents.front().segment, lost.front().segment);
  EXPECT_EQ(rig_.read(before.envelope.extents).value(), "before");
  EXPECT_EQ(rig_.read(after.envelope.extents).value(), "after");
  EXPECT_TRUE(spooler().accepting());
}

TEST_F(SpoolerTest, AFailedWriteIsReported) {
  NotedCommit commit;
  const auto lost = begin("lost", commit);
  break_writes(*rig_.segments, lost.front().segment);
  ASSERT_TRUE(rig_.run([&] { return commit.told == 1; }));
  EXPECT_TRUE(test::wait_for([&] {
    return test::read_text(folder_.file("log")).find("spool.fault") != std::string::npos;
  }));
}

TEST_F(SpoolerTest, RoomIsOfferedWhenTheWriteHasEnded) {
  const QueueId id = spooler().new_id();
  const std::string much(8 << 20, 'x');
  std::vector<store::Extent> extents;
  std::size_t taken = 0;
  while (const std::size_t step =
             spooler().append_content(id, bytes_of(much).subspan(taken), {}, extents))
    taken += step;
  EXPECT_LT(taken, much.size());
  test::NotedRoom room;
  spooler().wait_for_room(room);
  spooler().wait_for_room(room);  // once is enough
  ASSERT_TRUE(rig_.run([&] { return room.told > 0; }));
  EXPECT_EQ(room.told, 1u);
  EXPECT_TRUE(
      rig_.run([&] { return spooler().append_content(id, bytes_of(much), {}, extents) > 0; }));
}

TEST_F(SpoolerTest, WhoForgetsIsNotCalled) {
  test::NotedRoom stays;
  test::NotedRoom goes;
  spooler().wait_for_room(stays);
  spooler().wait_for_room(goes);
  spooler().forget(goes);
  spooler().forget(goes);
  NotedCommit commit;
  begin("x", commit);
  ASSERT_TRUE(rig_.run([&] { return stays.told == 1; }));
  EXPECT_EQ(goes.told, 0u);
  ASSERT_TRUE(rig_.run([&] { return commit.told == 1; }));
}

TEST_F(SpoolerTest, TooLargeAnEnvelopeIsRefusedForGood) {
  store::Envelope envelope = envelope_of({});
  envelope.recipients.resize(store::envelope_recipients_max);
  for (store::Recipient& recipient : envelope.recipients)
    recipient.final_address = std::string(1000, 'a');
  NotedCommit commit;
  const auto refused = spooler().append(spooler().new_id(), envelope, commit);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error(), store::Refused::TooLarge);
  EXPECT_FALSE(commit.waiting());
}

// Over many segments of 1 MiB: each is provided in time, and nothing is lost in between.
TEST_F(SpoolerTest, GoesThroughManySegments) {
  std::vector<test::Spooled> messages;
  for (unsigned i = 0; i < 12; ++i) messages.push_back(rig_.accept(test::pattern(400'000, i)));
  EXPECT_NE(messages.front().where.segment, messages.back().where.segment);
  for (unsigned i = 0; i < 12; ++i)
    EXPECT_TRUE(rig_.read(messages[i].envelope.extents).value() == test::pattern(400'000, i));
}

// No slot and none to be made: told to whoever asks and whoever waits, until there is one again.
TEST(SpoolerStarvedTest, TellsThatThereIsNoRoom) {
  test::TemporaryDirectory folder;
  test::SpoolRig rig(folder.path());
  std::filesystem::create_directory(folder.file("segment-000000.new"));  // in the maker's way
  for (int i = 1; i < 60; ++i)
    std::filesystem::create_directory(folder.file(fmt::format("segment-{:06}.new", i)));
  rig.segments->start(store::SegmentId{0}, [] {});
  test::NotedRoom room;
  rig.spooler->wait_for_room(room);
  ASSERT_TRUE(rig.run([&] { return !rig.spooler->accepting(); }));
  ASSERT_TRUE(rig.run([&] { return room.told == 1; }));
  std::vector<store::Extent> extents;
  EXPECT_EQ(rig.spooler->append_content(rig.spooler->new_id(), bytes_of("x"), {}, extents), 0u);
  for (int i = 0; i < 60; ++i)
    std::filesystem::remove(folder.file(fmt::format("segment-{:06}.new", i)));
  ASSERT_TRUE(rig.run([&] { return rig.spooler->accepting(); }));
  rig.accept("room again");
}

// Content in receive buffers is written from them, and each goes back to the kernel afterwards.
TEST(SpoolerLentTest, BuffersAreLentAndComeBack) {
  test::TemporaryDirectory folder;
  test::SpoolRig rig(folder.path());
  ASSERT_TRUE(rig.start());
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  fcntl(ends[1], F_SETPIPE_SZ, 1 << 20);
  const std::string content = test::pattern(10 * 32'768);
  ASSERT_EQ(write(ends[1], content.data(), content.size()), static_cast<ssize_t>(content.size()));

  struct Reader {
    explicit Reader(test::SpoolRig& to) : rig(to), id(to.spooler->new_id()) {}
    void read_done(ring::Completion completion) {
      ASSERT_EQ(completion.result, 32'768);
      const memory::Buffer buffer = rig.buffers->take(completion);
      ASSERT_EQ(rig.spooler->append_content(id, buffer.octets(), buffer, extents), 32'768u);
    }
    void start(int file) {
      io_uring_sqe* sqe = rig.core->ring().entry();
      io_uring_prep_read(sqe, file, nullptr, 32'768, 0);
      sqe->flags |= IOSQE_BUFFER_SELECT;
      sqe->buf_group = rig.buffers->group();
      rig.core->ring().bind(sqe, operation);
    }
    test::SpoolRig& rig;
    QueueId id;
    std::vector<store::Extent> extents;
    ring::OperationOf<Reader, &Reader::read_done> operation{*this};
  } reader(rig);
  for (int i = 0; i < 10; ++i) {
    reader.start(ends[0]);
    ASSERT_TRUE(rig.run([&] { return !reader.operation.in_flight(); }));
  }
  EXPECT_LT(rig.buffers->buffers_free(), rig.buffers->buffers_max());
  EXPECT_EQ(rig.metrics.spool.content_zero_copy_octets.value(), content.size());
  test::NotedCommit commit;
  ASSERT_TRUE(rig.spooler->append(reader.id, envelope_of(reader.extents), commit));
  ASSERT_TRUE(rig.run([&] { return commit.told == 1; }));
  EXPECT_TRUE(commit.durable);
  EXPECT_EQ(rig.buffers->buffers_free(), rig.buffers->buffers_max());
  EXPECT_TRUE(rig.read(reader.extents).value() == content);
  close(ends[0]);
  close(ends[1]);
}

}  // namespace
}  // namespace ringpost::mta
