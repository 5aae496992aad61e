// DirectFile on the real file system: creation, durable vectors, reads at the end of the file,
// faults.
#include "engine/disk/direct_file.h"

#include <algorithm>
#include <climits>
#include <csignal>
#include <fstream>
#include <vector>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "engine/ring/task.h"
#include "tests/engine/support.h"

namespace ringpost::disk {
namespace {

constexpr std::size_t block = direct_block_bytes;

AlignedMemory map(std::size_t bytes) {
  auto memory = AlignedMemory::map(bytes);
  EXPECT_TRUE(memory.has_value());
  return std::move(*memory);
}

iovec part_of(MutableBytes bytes) { return {bytes.data(), bytes.size()}; }

void paint(MutableBytes bytes, unsigned seed) {
  for (std::size_t i = 0; i < bytes.size(); ++i)
    bytes[i] = static_cast<std::byte>((i / block * 31 + i + seed) & 0xff);
}

bool equal(Bytes left, Bytes right) { return std::ranges::equal(left, right); }

struct Receiver {
  explicit Receiver(ring::Ring& ring) : transfer(ring, *this) {}
  void done(DirectTransfer::Result given) {
    result = std::move(given);
    ended = true;
  }
  DirectTransfer::Result result{0};
  bool ended = false;
  DirectTransferOf<Receiver, &Receiver::done> transfer;
};

class DirectFileTest : public testing::Test {
 protected:
  DirectTransfer::Result write(const DirectFile& file, std::uint64_t offset,
                               std::span<iovec> parts) {
    Receiver receiver(core_->ring());
    receiver.transfer.write_durably(file, offset, parts);
    EXPECT_TRUE(test::run_until(*core_, [&] { return receiver.ended; }));
    return std::move(receiver.result);
  }
  DirectTransfer::Result read(const DirectFile& file, std::uint64_t offset,
                              std::span<iovec> parts) {
    Receiver receiver(core_->ring());
    receiver.transfer.read(file, offset, parts);
    EXPECT_TRUE(test::run_until(*core_, [&] { return receiver.ended; }));
    return std::move(receiver.result);
  }

  test::TemporaryDirectory directory_;
  std::unique_ptr<ring::Core> core_ = test::make_core();
};

TEST_F(DirectFileTest, CreateGivesAWholeFileOfZerosThatIsPreWritten) {
  const std::uint64_t bytes = 3 * (1 << 20) + block;  // not a multiple of the filling write
  const auto file = DirectFile::create(directory_.file("segment"), bytes);
  ASSERT_TRUE(file.has_value()) << to_text(file.error());
  EXPECT_EQ(file->bytes(), bytes);
  struct stat status{};
  ASSERT_EQ(stat(directory_.file("segment").c_str(), &status), 0);
  EXPECT_EQ(static_cast<std::uint64_t>(status.st_size), bytes);
  EXPECT_GE(static_cast<std::uint64_t>(status.st_blocks) * 512, bytes);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  AlignedMemory memory = map(4 << 20);
  paint(memory.bytes(), 7);
  const auto count = file->read(0, memory.bytes());
  ASSERT_TRUE(count.has_value());
  EXPECT_EQ(*count, bytes);
  EXPECT_TRUE(std::ranges::all_of(memory.bytes().first(bytes),
                                  [](std::byte octet) { return octet == std::byte{0}; }));
  EXPECT_NE(access(directory_.file("segment.new").c_str(), F_OK), 0);
}

TEST_F(DirectFileTest, CreateNeverReplacesAndOverwritesWhatACrashLeft) {
  ASSERT_TRUE(DirectFile::create(directory_.file("a"), block).has_value());
  const auto again = DirectFile::create(directory_.file("a"), 2 * block);
  ASSERT_FALSE(again.has_value());
  EXPECT_EQ(again.error().code, EEXIST);
  EXPECT_NE(access(directory_.file("a.new").c_str(), F_OK), 0);
  EXPECT_EQ(DirectFile::open(directory_.file("a"))->bytes(), block);

  std::ofstream(directory_.file("b.new")) << std::string(3 * block, 'x');
  ASSERT_TRUE(DirectFile::create(directory_.file("b"), block).has_value());
  EXPECT_EQ(DirectFile::open(directory_.file("b"))->bytes(), block);
}

TEST_F(DirectFileTest, CreateThatFailsLeavesNothing) {
  rlimit old{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &old), 0);
  const rlimit small{1 << 20, old.rlim_max};
  const auto before = signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  const auto file = DirectFile::create(directory_.file("big"), 8 << 20);
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &old), 0);
  signal(SIGXFSZ, before);
  ASSERT_FALSE(file.has_value());
  EXPECT_EQ(file.error().code, EFBIG);
  EXPECT_TRUE(std::filesystem::is_empty(directory_.path()));

  const auto nowhere = DirectFile::create(directory_.file("no/such/place"), block);
  ASSERT_FALSE(nowhere.has_value());
  EXPECT_EQ(nowhere.error().code, ENOENT);
}

TEST_F(DirectFileTest, OpenSaysWhatIsMissing) {
  const auto missing = DirectFile::open(directory_.file("missing"));
  ASSERT_FALSE(missing.has_value());
  EXPECT_EQ(missing.error().code, ENOENT);
  EXPECT_EQ(missing.error().path, directory_.file("missing"));
}

TEST_F(DirectFileTest, WritesAVectorAndReadsItBackByOtherCuts) {
  const auto file = DirectFile::create(directory_.file("segment"), 64 * block);
  ASSERT_TRUE(file.has_value());
  AlignedMemory source = map(16 * block);
  paint(source.bytes(), 3);
  std::vector<iovec> parts{part_of(source.bytes().first(block)),
                           part_of(source.bytes().subspan(block, 10 * block)),
                           part_of(source.bytes().subspan(11 * block))};
  const auto written = write(*file, 5 * block, parts);
  ASSERT_TRUE(written.has_value()) << to_text(written.error());
  EXPECT_EQ(*written, 16 * block);

  AlignedMemory target = map(18 * block);
  std::vector<iovec> cuts{part_of(target.bytes().first(9 * block)),
                          part_of(target.bytes().subspan(9 * block))};
  const auto count = read(*file, 4 * block, cuts);
  ASSERT_TRUE(count.has_value());
  EXPECT_EQ(*count, 18 * block);
  EXPECT_TRUE(equal(target.bytes().subspan(block, 16 * block), source.bytes()));
  EXPECT_EQ(target.bytes()[block - 1], std::byte{0});
  EXPECT_EQ(target.bytes()[17 * block], std::byte{0});
}

TEST_F(DirectFileTest, VectorsLongerThanIovMaxAreCut) {
  constexpr std::size_t count = IOV_MAX * 2 + 17;
  const auto file = DirectFile::create(directory_.file("segment"), count * block);
  ASSERT_TRUE(file.has_value());
  AlignedMemory source = map(count * block);
  paint(source.bytes(), 9);
  std::vector<iovec> parts;
  for (std::size_t i = 0; i < count; ++i)
    parts.push_back(part_of(source.bytes().subspan(i * block, block)));
  const auto written = write(*file, 0, parts);
  ASSERT_TRUE(written.has_value()) << to_text(written.error());
  EXPECT_EQ(*written, count * block);

  AlignedMemory target = map(count * block);
  parts.clear();
  for (std::size_t i = 0; i < count; ++i)
    parts.push_back(part_of(target.bytes().subspan(i * block, block)));
  EXPECT_EQ(read(*file, 0, parts), count * block);
  EXPECT_TRUE(equal(target.bytes(), source.bytes()));
}

TEST_F(DirectFileTest, ReadsEndAtTheEndOfTheFile) {
  std::ofstream(directory_.file("odd")) << std::string(block + 100, 'x');
  const auto file = DirectFile::open(directory_.file("odd"));
  ASSERT_TRUE(file.has_value()) << to_text(file.error());
  EXPECT_EQ(file->bytes(), block + 100);
  AlignedMemory target = map(4 * block);
  std::vector<iovec> parts{part_of(target.bytes())};
  EXPECT_EQ(read(*file, 0, parts), block + 100);
  parts = {part_of(target.bytes())};
  EXPECT_EQ(read(*file, 2 * block, parts), 0u);
  EXPECT_EQ(file->read(0, target.bytes()), block + 100);
  EXPECT_EQ(file->read(2 * block, target.bytes()), 0u);
}

TEST_F(DirectFileTest, AWriteThatCannotBeDoneIsAFaultWithThePath) {
  auto file = DirectFile::create(directory_.file("segment"), 4 << 20);
  ASSERT_TRUE(file.has_value());
  AlignedMemory source = map(2 << 20);
  rlimit old{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &old), 0);
  const rlimit small{1 << 20, old.rlim_max};
  const auto before = signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  std::vector<iovec> parts{part_of(source.bytes())};
  // The first half is written short of the limit, the rest is refused.
  const auto result = write(*file, 0, parts);
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &old), 0);
  signal(SIGXFSZ, before);
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().code, EFBIG);
  EXPECT_EQ(result.error().operation, "write");
  EXPECT_EQ(result.error().path, directory_.file("segment"));
}

struct Chain {
  Chain(ring::Ring& ring, const DirectFile& written) : file(written), transfer(ring, *this) {}
  void next() {
    parts[0] = part_of(memory.bytes());
    paint(memory.bytes(), static_cast<unsigned>(count));
    transfer.write_durably(file, count * block, parts);
  }
  void done(DirectTransfer::Result result) {
    EXPECT_EQ(result, block);
    if (++count < 20) next();
  }
  const DirectFile& file;
  AlignedMemory memory = map(block);
  iovec parts[1]{};
  std::size_t count = 0;
  DirectTransferOf<Chain, &Chain::done> transfer;
};

TEST_F(DirectFileTest, TheEndOfOneTransferMayStartTheNext) {
  const auto file = DirectFile::create(directory_.file("segment"), 20 * block);
  ASSERT_TRUE(file.has_value());
  Chain chain(core_->ring(), *file);
  chain.next();
  ASSERT_TRUE(test::run_until(*core_, [&] { return chain.count == 20; }));
  AlignedMemory expected = map(block);
  AlignedMemory target = map(block);
  for (unsigned i = 0; i < 20; ++i) {
    paint(expected.bytes(), i);
    ASSERT_EQ(file->read(i * block, target.bytes()), block);
    EXPECT_TRUE(equal(target.bytes(), expected.bytes()));
  }
}

ring::Task<void> write_and_read(ring::Ring& ring, const DirectFile& file, int& steps) {
  AlignedMemory source = map(2 * block);
  AlignedMemory target = map(2 * block);
  paint(source.bytes(), 77);
  iovec out[] = {part_of(source.bytes())};
  const auto written = co_await write_durably(ring, file, block, out);
  EXPECT_EQ(written, 2 * block);
  ++steps;
  iovec in[] = {part_of(target.bytes())};
  const auto count = co_await read(ring, file, block, in);
  EXPECT_EQ(count, 2 * block);
  EXPECT_TRUE(equal(target.bytes(), source.bytes()));
  ++steps;
}

TEST_F(DirectFileTest, ATaskCanAwaitBoth) {
  const auto file = DirectFile::create(directory_.file("segment"), 8 * block);
  ASSERT_TRUE(file.has_value());
  ring::Scope scope;
  int steps = 0;
  ring::Task<void>::spawn(scope, write_and_read(core_->ring(), *file, steps));
  ASSERT_TRUE(test::run_until(*core_, [&] { return scope.idle(); }));
  EXPECT_EQ(steps, 2);
}

TEST_F(DirectFileTest, MisalignmentIsOurMistake) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto file = DirectFile::create(directory_.file("segment"), 4 * block);
  ASSERT_TRUE(file.has_value());
  AlignedMemory memory = map(2 * block);
  std::vector<iovec> crooked{part_of(memory.bytes().subspan(512, block))};
  EXPECT_DEATH(write(*file, 0, crooked), "CHECK failed");
  std::vector<iovec> straight{part_of(memory.bytes())};
  EXPECT_DEATH(write(*file, 512, straight), "CHECK failed");
  EXPECT_DEATH(write(*file, 3 * block, straight), "CHECK failed");
}

TEST(AlignedMemoryTest, IsZeroAlignedAndMovesOnce) {
  AlignedMemory memory = map(3 * block);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(memory.bytes().data()) % block, 0u);
  EXPECT_EQ(memory.bytes().size(), 3 * block);
  memory.bytes()[0] = std::byte{5};
  AlignedMemory other = std::move(memory);
  EXPECT_EQ(other.bytes()[0], std::byte{5});
  memory = std::move(other);
  EXPECT_EQ(memory.bytes()[0], std::byte{5});
}

}  // namespace
}  // namespace ringpost::disk
