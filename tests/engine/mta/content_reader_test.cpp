// Reading content back, from segments written by a real spooler and then damaged on purpose.
#include "engine/mta/content_reader.h"

#include <filesystem>

#include <fcntl.h>
#include <gtest/gtest.h>

#include "proto/base/crc32c.h"
#include "tests/engine/mta/rig.h"
#include "tests/engine/net/peer.h"

namespace ringpost::mta {
namespace {

class ContentReaderTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(rig_.start()); }
  // Spooled and durable: the commit of an Envelope takes everything before it along.
  std::vector<store::Extent> durable(std::string_view content) {
    return rig_.accept(content).envelope.extents;
  }
  std::string path_of(const store::Extent& extent) const {
    return rig_.segments->file_of(extent.segment)->path();
  }

  test::TemporaryDirectory folder_;
  test::SpoolRig rig_{folder_.path()};
};

TEST_F(ContentReaderTest, NothingIsAnEmptyContent) {
  EXPECT_EQ(rig_.read({}).value(), "");
  EXPECT_EQ(rig_.read({{.segment = store::SegmentId{77}}}).value(), "");
}

TEST_F(ContentReaderTest, OddLengthsAndPlaces) {
  for (const std::size_t octets : {1u, 4095u, 4096u, 4097u, 70'001u}) {
    const std::string content = test::pattern(octets, static_cast<unsigned>(octets));
    EXPECT_EQ(rig_.read(durable(content)).value(), content) << octets;
  }
}

TEST_F(ContentReaderTest, OverSeveralSegmentsAndBuffers) {
  const std::string content = test::pattern(5 << 19);  // 2.5 segments
  const auto extents = durable(content);
  EXPECT_NE(extents.front().segment, extents.back().segment);
  EXPECT_EQ(rig_.read(extents).value(), content);
}

// One extent that is longer than the read buffer, from an odd place on.
TEST_F(ContentReaderTest, AnExtentLongerThanTheBuffer) {
  const std::string content = test::pattern(600'001);
  const auto extents = durable(content);
  ASSERT_FALSE(extents.empty());
  store::Extent whole = extents.front();
  std::string raw = test::read_text(path_of(whole));
  whole.offset += 3;
  whole.length = 600'000;
  ASSERT_LE(whole.offset + whole.length, raw.size());
  const std::string_view wanted = std::string_view(raw).substr(whole.offset, whole.length);
  whole.crc = crc32c(0, bytes_of(wanted));
  EXPECT_GT(whole.length, ReadBuffers::bytes);
  EXPECT_EQ(rig_.read({whole}).value(), wanted);
}

TEST_F(ContentReaderTest, AWrongChecksumEndsIt) {
  auto extents = durable(test::pattern(10'000));
  extents.front().crc ^= 1;
  const auto read = rig_.read(extents);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, EBADMSG);
  EXPECT_EQ(read.error().path, path_of(extents.front()));
}

TEST_F(ContentReaderTest, ADamagedOctetIsNoticed) {
  const auto extents = durable(test::pattern(10'000));
  const int file = open(path_of(extents.front()).c_str(), O_WRONLY);
  ASSERT_EQ(pwrite(file, "\x7f?", 2, extents.front().offset + 5'000), 2);
  ASSERT_EQ(fsync(file), 0);
  close(file);
  const auto read = rig_.read(extents);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, EBADMSG);
}

TEST_F(ContentReaderTest, AnUnknownSegment) {
  const auto read = rig_.read({{.segment = store::SegmentId{4711}, .offset = 4096, .length = 1}});
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, ENOENT);
}

TEST_F(ContentReaderTest, AFileThatWasCutOff) {
  const auto extents = durable(test::pattern(100'000));
  std::filesystem::resize_file(path_of(extents.front()), 8192);
  const auto read = rig_.read(extents);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, EIO);
}

TEST(ReadBuffersTest, ABufferIsUsedAgain) {
  ReadBuffers pool;
  const std::byte* place = nullptr;
  {
    const auto first = pool.borrow();
    const auto second = pool.borrow();
    ASSERT_TRUE(first && second);
    EXPECT_NE(first->room().data(), second->room().data());
    EXPECT_EQ(first->room().size(), ReadBuffers::bytes);
    place = first->room().data();
  }
  EXPECT_EQ(pool.borrow()->room().data(), place);
}

}  // namespace
}  // namespace ringpost::mta
