// The engine's end of the socket to its parent, with a stand-in at the other end.
#include "engine/process/parent_link.h"

#include <cerrno>
#include <thread>

#include <fcntl.h>
#include <gtest/gtest.h>

#include "engine/process/descriptor_passing.h"

namespace ringpost::process {
namespace {

class ParentLinkTest : public testing::Test {
 protected:
  void SetUp() override {
    int ends[2];
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    link_.emplace(ends[0], true);
    parent_ = ends[1];
  }
  ~ParentLinkTest() override {
    if (parent_ >= 0) close(parent_);
  }
  void answer(const ParentAnswer& answer, int file = -1) const {
    const Bytes octets = std::as_bytes(std::span(&answer, 1));
    ASSERT_TRUE(send_with_descriptor(parent_, text_of(octets), file));
  }
  std::expected<pid_t, Fault> ask() { return link_->start_program({"/bin/x"}, "x", 0, 1); }
  std::optional<ParentLink> link_;
  int parent_ = -1;
};

// What nobody waits for any more is thrown away, with the descriptor that came along.
TEST_F(ParentLinkTest, AnAnswerThatCameTooLateIsNotTakenForTheNext) {
  const int file = open("/dev/null", O_RDONLY | O_CLOEXEC);
  answer({.question = 0, .number = 77}, file);
  answer({.question = 1, .number = 78});
  EXPECT_EQ(ask(), 78);
  answer({.question = 1, .number = 79}, file);
  answer({.question = 2, .number = -EACCES});
  EXPECT_EQ(ask().error().code, EACCES);
  const int next = open("/dev/null", O_RDONLY | O_CLOEXEC);
  EXPECT_EQ(next, file + 1) << "a descriptor stayed open";
  close(next);
  close(file);
}

TEST_F(ParentLinkTest, WithoutAParentThereIsNoAnswer) {
  close(std::exchange(parent_, -1));
  EXPECT_FALSE(ask());
}

}  // namespace
}  // namespace ringpost::process
