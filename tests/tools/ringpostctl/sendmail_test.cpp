// sendmail without a daemon, and what its exit statuses are; with one, see the end-to-end scenario.
#include "tools/ringpostctl/sendmail.h"

#include <filesystem>
#include <fstream>
#include <iterator>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "engine/mta/offline_folder.h"

namespace ringpost::ctl {
namespace {

namespace fs = std::filesystem;

class SendmailTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "ringpost-sendmail-XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    home_ = mta::Home::below(pattern);
  }
  void TearDown() override { fs::remove_all(folder_); }

  struct Ran {
    int status = -1;
    std::string out, err;
  };
  Ran sendmail(const std::vector<std::string>& words, const std::string& input,
               Alias alias = Alias::Sendmail) const {
    const fs::path in = folder_ / "in";
    std::ofstream(in, std::ios::binary) << input;
    char* out = nullptr;
    char* err = nullptr;
    std::size_t out_octets = 0;
    std::size_t err_octets = 0;
    Output output{open_memstream(&out, &out_octets), open_memstream(&err, &err_octets)};
    const int file = open(in.c_str(), O_RDONLY | O_CLOEXEC);
    const int smtp = open((folder_ / "smtp").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    Ran ran;
    ran.status = run_sendmail(alias, words, home_, {file, smtp}, output);
    close(file);
    close(smtp);
    std::fclose(output.out);
    std::fclose(output.err);
    ran.out.assign(out, out_octets);
    ran.err.assign(err, err_octets);
    std::free(out);
    std::free(err);
    return ran;
  }
  std::vector<submission::OfflineMessage> kept() const {
    std::vector<submission::OfflineMessage> messages;
    for (const auto& entry : fs::directory_iterator(home_.offline_folder())) {
      EXPECT_TRUE(entry.path().filename().string().starts_with("msg.")) << entry.path();
      std::ifstream file(entry.path(), std::ios::binary);
      const std::string text{std::istreambuf_iterator<char>(file), {}};
      auto message = submission::decode_offline(text);
      EXPECT_TRUE(message) << text;
      if (message) messages.push_back(std::move(*message));
    }
    return messages;
  }

  fs::path folder_;
  mta::Home home_;
};

TEST_F(SendmailTest, WithoutADaemonTheMessageWaitsForIt) {
  ASSERT_TRUE(mta::make_offline_folder(home_.offline_folder()));
  const Ran ran = sendmail({"-f", "x@y.example", "-t", "-V", "a b", "-N", "never"},
                           "To: bob@b.example\nBcc: eve@e.example\n\ntext\n.\nmore\n");
  EXPECT_EQ(ran.status, EX_OK) << ran.err;
  EXPECT_EQ(ran.err, "");
  const auto messages = kept();
  ASSERT_EQ(messages.size(), 1u);
  const submission::Submission& one = messages[0].submission;
  EXPECT_EQ(messages[0].uid, getuid());
  EXPECT_EQ(one.sender, "x@y.example");
  EXPECT_EQ(one.recipients, (std::vector<std::string>{"bob@b.example", "eve@e.example"}));
  EXPECT_EQ(one.envelope_id, "a+20b");
  EXPECT_TRUE(one.notify.has(smtp::NotifySet::never));
  EXPECT_TRUE(one.content.starts_with("To: bob@b.example\r\n"));
  EXPECT_TRUE(one.content.ends_with("\r\n\r\ntext\r\n"));
  EXPECT_FALSE(one.content.contains("eve"));
}

TEST_F(SendmailTest, OfflineFilesAreReadByTheGroupAndNobodyElse) {
  const std::string offline = home_.offline_folder();
  ASSERT_TRUE(mta::make_offline_folder(offline));
  const mode_t before = umask(0077);
  EXPECT_EQ(sendmail({"bob"}, "x\n").status, EX_OK);
  umask(before);
  struct stat status{};
  ASSERT_EQ(stat(offline.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 03733u);
  for (const auto& entry : fs::directory_iterator(offline)) {
    ASSERT_EQ(stat(entry.path().c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777, 0640u);
  }
}

TEST_F(SendmailTest, WithoutAFolderToWaitInItIsATemporaryFailure) {
  const Ran ran = sendmail({"bob"}, "x\n");
  EXPECT_EQ(ran.status, EX_TEMPFAIL);
  EXPECT_NE(ran.err.find("no daemon takes the message"), std::string::npos) << ran.err;
  EXPECT_NE(ran.err.find("offline"), std::string::npos) << ran.err;
}

TEST_F(SendmailTest, WrongUseIsToldByTheStatus) {
  ASSERT_TRUE(mta::make_offline_folder(home_.offline_folder()));
  EXPECT_EQ(sendmail({}, "x\n").status, EX_USAGE);
  EXPECT_EQ(sendmail({"-t"}, "Subject: x\n\n").status, EX_USAGE);
  EXPECT_EQ(sendmail({"-Q", "bob"}, "x\n").status, EX_USAGE);
  EXPECT_EQ(sendmail({"-bd"}, "").status, EX_USAGE);
  EXPECT_EQ(sendmail({"-V", std::string(101, 'x'), "bob"}, "x\n").status, EX_USAGE);
  EXPECT_EQ(sendmail({"a b"}, "x\n").status, EX_DATAERR);
  EXPECT_EQ(sendmail({"-f", "a b", "bob"}, "x\n").status, EX_DATAERR);
  EXPECT_TRUE(kept().empty());
}

TEST_F(SendmailTest, ADialogueWithoutADaemonIsToldInItsLanguage) {
  EXPECT_EQ(sendmail({"-bs"}, "EHLO x\r\n").status, EX_TEMPFAIL);
  std::ifstream file(folder_ / "smtp");
  const std::string said{std::istreambuf_iterator<char>(file), {}};
  EXPECT_EQ(said, "421 4.3.2 Service not available\r\n");
}

TEST_F(SendmailTest, OtherNamesNeedADaemon) {
  for (const Alias alias : {Alias::Mailq, Alias::Newaliases})
    EXPECT_EQ(sendmail({}, "", alias).status, EX_UNAVAILABLE);
  EXPECT_EQ(sendmail({"-q"}, "").status, EX_UNAVAILABLE);
}

TEST(Sendmail, Names) {
  EXPECT_EQ(alias_of("sendmail"), Alias::Sendmail);
  EXPECT_EQ(alias_of("mailq"), Alias::Mailq);
  EXPECT_EQ(alias_of("newaliases"), Alias::Newaliases);
  EXPECT_FALSE(alias_of("ringpostctl"));
}

TEST(Sendmail, ExitStatuses) {
  const auto status = [](std::uint16_t code, std::uint16_t subject, std::uint16_t detail) {
    return exit_status_of({code, {static_cast<std::uint8_t>(code / 100), subject, detail}, ""});
  };
  EXPECT_EQ(status(451, 3, 0), EX_TEMPFAIL);
  EXPECT_EQ(status(550, 1, 1), EX_NOUSER);
  EXPECT_EQ(status(550, 1, 2), EX_NOHOST);
  EXPECT_EQ(status(550, 7, 1), EX_NOPERM);
  EXPECT_EQ(status(553, 1, 3), EX_DATAERR);
  EXPECT_EQ(status(554, 6, 0), EX_DATAERR);
  EXPECT_EQ(status(552, 3, 4), EX_UNAVAILABLE);
}

}  // namespace
}  // namespace ringpost::ctl
