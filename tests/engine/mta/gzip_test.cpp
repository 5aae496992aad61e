// What is packed can be unpacked by others; what is too much is not begun.
#include "engine/mta/gzip.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <zlib.h>

namespace ringpost::mta {
namespace {

std::string unpacked(std::string packed, std::size_t octets_max) {
  std::string octets(octets_max, '\0');
  z_stream stream{};
  EXPECT_EQ(inflateInit2(&stream, 15 + 16), Z_OK);  // gzip only
  stream.next_in = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_in = static_cast<uInt>(packed.size());
  stream.next_out = reinterpret_cast<Bytef*>(octets.data());
  stream.avail_out = static_cast<uInt>(octets.size());
  EXPECT_EQ(inflate(&stream, Z_FINISH), Z_STREAM_END);
  octets.resize(stream.total_out);
  inflateEnd(&stream);
  return octets;
}

TEST(Gzip, IsReadByOthers) {
  std::string octets;
  for (unsigned i = 0; i < 100'000; ++i) octets += static_cast<char>(i * i % 251);
  for (const std::string& one : {std::string(), std::string("a"), octets}) {
    const auto packed = gzip(one);
    ASSERT_TRUE(packed);
    EXPECT_EQ(unpacked(*packed, one.size() + 1), one);
  }
}

// It would cost memory before it fails.
TEST(Gzip, TooMuchIsNotBegun) {
  constexpr std::size_t size = (std::size_t{1} << 30) + 1;
  void* nothing = mmap(nullptr, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(nothing, MAP_FAILED);
  EXPECT_FALSE(gzip({static_cast<const char*>(nothing), size}));
  EXPECT_EQ(munmap(nothing, size), 0);
}

}  // namespace
}  // namespace ringpost::mta
