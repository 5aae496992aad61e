// Frames that come in any cutting, several at a time, and a socket that ends.
#include "engine/process/frame_reader.h"

#include <thread>

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/process/agent_frame.h"
#include "engine/process/content.h"

namespace ringpost::process {
namespace {

class FrameReaderTest : public testing::Test {
 protected:
  FrameReaderTest() { EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets_), 0); }
  ~FrameReaderTest() override {
    for (const int socket : sockets_)
      if (socket >= 0) close(socket);
  }
  void end_sending() { close(std::exchange(sockets_[1], -1)); }
  static std::string frame(std::string_view payload) {
    return frame_header(payload.size()) + std::string(payload);
  }
  bool send(std::string_view octets) const { return write_frame(sockets_[1], octets); }

  int sockets_[2] = {-1, -1};
  std::string payload_;
};

TEST_F(FrameReaderTest, GivesWhatHasComeOneByOne) {
  FrameReader frames(sockets_[0], 100);
  EXPECT_FALSE(frames.has_more());
  ASSERT_TRUE(send(frame("one") + frame("two") + frame("three").substr(0, 6)));
  ASSERT_TRUE(frames.next(payload_));
  EXPECT_EQ(payload_, "one");
  EXPECT_TRUE(frames.has_more());
  ASSERT_TRUE(frames.next(payload_));
  EXPECT_EQ(payload_, "two");
  EXPECT_FALSE(frames.has_more()) << "the third is not there yet";
  ASSERT_TRUE(send(frame("three").substr(6)));
  ASSERT_TRUE(frames.next(payload_));
  EXPECT_EQ(payload_, "three");
  end_sending();
  EXPECT_FALSE(frames.next(payload_));
}

TEST_F(FrameReaderTest, WaitsForTheRestOfALargeFrame) {
  const std::string large(300'000, 'x');
  std::thread sender([&] { EXPECT_TRUE(send(frame(large) + frame("behind"))); });
  FrameReader frames(sockets_[0], large.size());
  EXPECT_TRUE(frames.next(payload_));
  EXPECT_EQ(payload_, large);
  EXPECT_TRUE(frames.next(payload_));
  EXPECT_EQ(payload_, "behind");
  sender.join();
}

TEST_F(FrameReaderTest, RefusesAFrameThatIsTooLong) {
  FrameReader frames(sockets_[0], 10);
  ASSERT_TRUE(send(frame("ten octets") + frame("eleven octs")));
  ASSERT_TRUE(frames.next(payload_));
  EXPECT_FALSE(frames.next(payload_));
}

TEST_F(FrameReaderTest, HalfAFrameIsNone) {
  FrameReader frames(sockets_[0], 10);
  ASSERT_TRUE(send(frame("half").substr(0, 6)));
  end_sending();
  EXPECT_FALSE(frames.next(payload_));
}

TEST_F(FrameReaderTest, AnEmptyFrameIsOne) {
  FrameReader frames(sockets_[0], 10);
  ASSERT_TRUE(send(frame("") + frame("x")));
  ASSERT_TRUE(frames.next(payload_));
  EXPECT_EQ(payload_, "");
  ASSERT_TRUE(frames.next(payload_));
  EXPECT_EQ(payload_, "x");
}

}  // namespace
}  // namespace ringpost::process
