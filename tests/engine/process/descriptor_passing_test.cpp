// Descriptors on their way: one or two arrive, more are refused, and none stays open here.
#include "engine/process/descriptor_passing.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

namespace ringpost::process {
namespace {

class DescriptorPassingTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends_), 0);
  }
  ~DescriptorPassingTest() override {
    close(ends_[0]);
    close(ends_[1]);
  }
  static std::size_t open_descriptors() {
    const std::filesystem::directory_iterator all("/proc/self/fd");
    return static_cast<std::size_t>(std::distance(begin(all), end(all)));
  }
  // What no honest peer sends.
  void send_many(std::size_t count) const {
    const std::vector<int> files(count, ends_[1]);
    const std::size_t octets = count * sizeof(int);
    std::vector<char> control(CMSG_SPACE(octets));
    char octet = 'x';
    iovec part{&octet, 1};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    cmsghdr* const header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(octets);
    std::memcpy(CMSG_DATA(header), files.data(), octets);
    ASSERT_EQ(sendmsg(ends_[0], &message, 0), 1);
  }

  int ends_[2] = {-1, -1};
  std::byte room_[8];
};

TEST_F(DescriptorPassingTest, OneArrivesOrNone) {
  ASSERT_TRUE(send_with_descriptor(ends_[0], "one", ends_[0]));
  ASSERT_TRUE(send_with_descriptor(ends_[0], "none", -1));
  const auto one = receive_with_descriptor(ends_[1], room_);
  ASSERT_TRUE(one);
  EXPECT_EQ(one->octets, 3);
  EXPECT_GE(one->file, 0);
  close(one->file);
  const auto none = receive_with_descriptor(ends_[1], room_);
  ASSERT_TRUE(none);
  EXPECT_EQ(none->octets, 4);
  EXPECT_EQ(none->file, -1);
}

TEST_F(DescriptorPassingTest, TwoArriveInTheirOrder) {
  int pipe_ends[2];
  ASSERT_EQ(pipe2(pipe_ends, O_CLOEXEC), 0);
  ASSERT_TRUE(send_with_descriptor(ends_[0], "two", pipe_ends[0], pipe_ends[1]));
  for (const int end : pipe_ends) close(end);
  const auto two = receive_with_descriptor(ends_[1], room_);
  ASSERT_TRUE(two);
  ASSERT_GE(two->second, 0);
  EXPECT_EQ(write(two->second, "x", 1), 1);
  EXPECT_EQ(read(two->file, room_, 1), 1);
  for (const int file : {two->file, two->second}) close(file);
}

TEST_F(DescriptorPassingTest, MoreThanTwoAreRefused) {
  for (const std::size_t count : {3u, 4u, 10u, 200u}) {
    const std::size_t before = open_descriptors();
    send_many(count);
    const auto received = receive_with_descriptor(ends_[1], room_);
    ASSERT_FALSE(received) << count;
    EXPECT_EQ(received.error().code, EBADMSG);
    EXPECT_EQ(open_descriptors(), before) << count;
  }
}

TEST_F(DescriptorPassingTest, ADatagramThatIsTooLongIsRefused) {
  const std::size_t before = open_descriptors();
  ASSERT_TRUE(send_with_descriptor(ends_[0], "longer than the room", ends_[0]));
  const auto received = receive_with_descriptor(ends_[1], room_);
  ASSERT_FALSE(received);
  EXPECT_EQ(received.error().code, EBADMSG);
  EXPECT_EQ(open_descriptors(), before);
}

TEST_F(DescriptorPassingTest, ThePeerGoes) {
  shutdown(ends_[0], SHUT_RDWR);
  const auto received = receive_with_descriptor(ends_[1], room_);
  ASSERT_TRUE(received);
  EXPECT_EQ(received->octets, 0);
  EXPECT_FALSE(send_with_descriptor(ends_[0], "x", -1));
}

}  // namespace
}  // namespace ringpost::process
