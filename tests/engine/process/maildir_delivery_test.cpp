// A Maildir delivery by blocking calls, and what is left after every failure: nothing.
#include "engine/process/maildir_delivery.h"

#include <fstream>

#include <sys/stat.h>

#include "tests/engine/process/executor_fixture.h"

namespace ringpost::process {
namespace {

namespace fs = std::filesystem;

class MaildirDeliveryTest : public testing::Test {
 protected:
  std::vector<std::string> files_in(const std::string& path) const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(path)) names.push_back(entry.path().filename());
    std::ranges::sort(names);
    return names;
  }
  AgentReply deliver(const std::string& text, bool whole = true) {
    test::SentContent sent(text, whole);
    return deliver_maildir(order_, sent.content());
  }

  test::TemporaryDirectory folder_;
  std::string maildir_ = folder_.file("home/Maildir");
  MaildirOrder order_{.folder = maildir_, .preferred_folder = {}, .file_name = "1.R1.host"};
};

TEST_F(MaildirDeliveryTest, MakesTheMaildirAndDelivers) {
  const std::string text = "Subject: x\n\n" + std::string(300'000, 'x') + "\n";
  const AgentReply reply = deliver(text);
  EXPECT_EQ(reply, (AgentReply{AgentStatus::Done, 0, maildir_, ""}));
  EXPECT_TRUE(test::read_whole(maildir_ + "/new/1.R1.host") == text);
  EXPECT_TRUE(files_in(maildir_ + "/tmp").empty());
  EXPECT_EQ(files_in(maildir_), (std::vector<std::string>{"cur", "new", "tmp"}));
  struct stat status{};
  ASSERT_EQ(stat((maildir_ + "/new/1.R1.host").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777u, 0600u);
  ASSERT_EQ(stat(maildir_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777u, 0700u);
}

TEST_F(MaildirDeliveryTest, TheSameNameReplacesItself) {
  EXPECT_EQ(deliver("first, and the longer one\n").status, AgentStatus::Done);
  fs::create_directories(maildir_ + "/tmp");
  std::ofstream(maildir_ + "/tmp/1.R1.host") << std::string(10'000, 'z');
  EXPECT_EQ(deliver("second\n").status, AgentStatus::Done);
  EXPECT_EQ(test::read_whole(maildir_ + "/new/1.R1.host"), "second\n");
  EXPECT_EQ(files_in(maildir_ + "/new").size(), 1u);
}

TEST_F(MaildirDeliveryTest, ThePreferredFolderIsTakenWhenItIsThere) {
  order_.preferred_folder = maildir_ + "/.list";
  EXPECT_EQ(deliver("x\n").text, maildir_);
  EXPECT_FALSE(fs::exists(order_.preferred_folder));
  fs::create_directories(order_.preferred_folder);
  EXPECT_EQ(deliver("x\n").text, order_.preferred_folder);
  EXPECT_EQ(test::read_whole(order_.preferred_folder + "/new/1.R1.host"), "x\n");
}

TEST_F(MaildirDeliveryTest, HalfAMessageLeavesNothing) {
  const AgentReply reply = deliver(std::string(100'000, 'x'), false);
  EXPECT_EQ(reply.status, AgentStatus::Temporary);
  EXPECT_EQ(reply.code, ECONNABORTED);
  EXPECT_TRUE(files_in(maildir_ + "/tmp").empty());
  EXPECT_TRUE(files_in(maildir_ + "/new").empty());
}

TEST_F(MaildirDeliveryTest, AFileInTheWay) {
  fs::create_directories(folder_.file("home"));
  std::ofstream(maildir_) << "x";
  const AgentReply reply = deliver("x\n");
  EXPECT_EQ(reply.status, AgentStatus::Temporary);
  EXPECT_EQ(reply.code, ENOTDIR);
  EXPECT_TRUE(reply.text.contains(maildir_)) << reply.text;
}

TEST_F(MaildirDeliveryTest, ALinkInPlaceOfNewIsNotFollowed) {
  fs::create_directories(maildir_ + "/tmp");
  fs::create_directories(folder_.file("elsewhere"));
  fs::create_directory_symlink(folder_.file("elsewhere"), maildir_ + "/new");
  EXPECT_EQ(deliver("x\n").code, ENOTDIR);
  EXPECT_TRUE(files_in(maildir_ + "/tmp").empty());
  EXPECT_TRUE(files_in(folder_.file("elsewhere")).empty());
}

TEST_F(MaildirDeliveryTest, AFolderThatCannotBeMade) {
  order_.folder = "/proc/self/no/Maildir";
  const AgentReply reply = deliver("x\n");
  EXPECT_EQ(reply.status, AgentStatus::Temporary);
  EXPECT_TRUE(reply.text.starts_with("mkdir /proc/self/no")) << reply.text;
}

}  // namespace
}  // namespace ringpost::process
