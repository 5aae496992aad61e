// The key process itself, made by a real parent: keys are taken and refused, it signs for several
// connections, is somebody else's, and comes back with its keys when it has been killed.
#include "engine/process/keys_main.h"

#include <poll.h>

#include "engine/process/agent_frame.h"
#include "engine/process/content.h"
#include "engine/process/key_frame.h"
#include "tests/engine/process/key_fixture.h"
#include "tests/engine/process/parent_fixture.h"
#include "tests/engine/support.h"

namespace ringpost::process {
namespace {

// Any account of every Debian system that is not root.
constexpr const char* user = "nobody";

class KeysTest : public testing::Test {
 protected:
  LoadedKey load(const std::string& path) {
    const auto key = parent_.link->load_key(path);
    EXPECT_TRUE(key) << key.error();
    return key.value_or(LoadedKey{});
  }
  // Nothing: the connection ended.
  static std::optional<SignReply> ask(int socket, const KeyName& key, std::string_view input) {
    std::string payload;
    if (!write_frame(socket, sign_frame(7, key, 0x0403, bytes_of(input))) ||
        !read_frame(socket, payload, sign_reply_octets_max))
      return std::nullopt;
    return decode_sign_reply(bytes_of(payload));
  }
  std::optional<SignReply> ask(const KeyName& key, std::string_view input) {
    const auto socket = parent_.link->connect_keys();
    EXPECT_TRUE(socket);
    const auto reply = ask(*socket, key, input);
    close(*socket);
    return reply;
  }
  pid_t find_process() const { return test::session_of_child(parent_.pid()); }
  Permissions permitted(const char* keys_user) const {
    return {.keys_user = keys_user,
            .keys = {folder_.file("key"), folder_.file("none")},
            .files = {},
            .programs = {}};
  }
  test::TemporaryDirectory folder_;
  test::ParentProcess parent_{permitted(user)};
  bssl::UniquePtr<EVP_PKEY> made_ = test::new_ec_key();
  std::string path_ = test::write_key(folder_.file("key"), test::pem_of(made_.get()));
};

TEST_F(KeysTest, SignsForEveryConnection) {
  const KeyName key = load(path_).name;
  std::vector<int> sockets;
  for (int i = 0; i < 4; ++i) sockets.push_back(*parent_.link->connect_keys());
  for (int round = 0; round < 3; ++round)
    for (const int socket : sockets) {
      const auto reply = ask(socket, key, "octets");
      ASSERT_TRUE(reply);
      EXPECT_EQ(reply->id, 7);
      EXPECT_TRUE(test::verifies(made_.get(), EVP_sha256(), false, "octets", reply->signature));
    }
  EXPECT_EQ(ask(sockets[0], KeyName{}, "octets")->error, ENOKEY);
  for (const int socket : sockets) close(socket);
}

TEST_F(KeysTest, AnswersWhatStandsBeforeRubbish) {
  load(path_);
  const int socket = *parent_.link->connect_keys();
  std::string octets;
  constexpr int requests = 8;  // that take no time
  for (int i = 0; i < requests; ++i) octets += sign_frame(7, KeyName{}, 0x0403, bytes_of("octets"));
  ASSERT_TRUE(write_frame(socket, octets + frame_header(1) + "x"));
  std::string payload;
  int replies = 0;
  while (read_frame(socket, payload, sign_reply_octets_max)) ++replies;
  EXPECT_EQ(replies, requests);
  close(socket);
}

TEST_F(KeysTest, WhatCannotBeUsedIsSaid) {
  load(path_);
  ASSERT_EQ(chmod(path_.c_str(), 0644), 0);
  const auto open = parent_.link->load_key(path_);
  ASSERT_FALSE(open);
  EXPECT_TRUE(open.error().starts_with(path_ + ": mode 0644 gives others")) << open.error();
  const auto none = parent_.link->load_key(folder_.file("none"));
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error(), folder_.file("none") + ": No such file or directory");
  EXPECT_FALSE(parent_.link->load_key("relative"));
}

TEST_F(KeysTest, WithoutAKeyThereIsNobodyToAsk) {
  EXPECT_EQ(ask(KeyName{}, "octets"), std::nullopt);
  EXPECT_EQ(find_process(), -1);
}

TEST_F(KeysTest, IsNotRootAndCannotBeLookedInto) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can become others";
  load(path_);
  const pid_t pid = find_process();
  ASSERT_GT(pid, 0);
  EXPECT_TRUE(test::status_field(pid, "Uid:").starts_with("65534\t65534\t65534"));
  EXPECT_EQ(test::status_field(pid, "CapPrm:"), "0000000000000000");
  EXPECT_EQ(test::status_field(pid, "NoNewPrivs:"), "1");
  struct stat status{};
  ASSERT_EQ(stat(("/proc/" + std::to_string(pid) + "/mem").c_str(), &status), 0);
  EXPECT_EQ(status.st_uid, 0u);  // of no use to others: it is not dumpable
}

TEST_F(KeysTest, NoSuchUser) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can become others";
  const test::ParentProcess parent(permitted("no-such-user"));
  const auto key = parent.link->load_key(path_);
  ASSERT_FALSE(key);
  EXPECT_TRUE(key.error().starts_with("there is no user no-such-user to keep private keys"))
      << key.error();
}

TEST_F(KeysTest, NotAsRoot) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can become others";
  const test::ParentProcess parent(permitted("root"));
  const auto key = parent.link->load_key(path_);
  ASSERT_FALSE(key);
  EXPECT_TRUE(key.error().starts_with("keys-user root must not be root")) << key.error();
}

TEST_F(KeysTest, ComesBackWithItsKeys) {
  const KeyName key = load(path_).name;
  const auto socket = parent_.link->connect_keys();
  ASSERT_TRUE(ask(*socket, key, "octets"));
  for (int round = 0; round < 3; ++round) {
    const pid_t pid = find_process();
    ASSERT_GT(pid, 0);
    kill(pid, SIGKILL);
    std::optional<SignReply> reply;
    for (int i = 0; i < 200 && !reply; ++i) {
      usleep(20'000);
      reply = ask(key, "again");
    }
    ASSERT_TRUE(reply);
    EXPECT_TRUE(test::verifies(made_.get(), EVP_sha256(), false, "again", reply->signature));
  }
  EXPECT_EQ(ask(*socket, key, "octets"), std::nullopt);
  close(*socket);
}

}  // namespace
}  // namespace ringpost::process
