// Keys by hand: made with safe modes and never over an old one, shown as a zone line, and used.
#include "tools/ringpostctl/dkim_commands.h"

#include <algorithm>
#include <filesystem>

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "scan/sign/message_verifier.h"
#include "tests/tools/ringpostctl/running_command.h"
#include "tools/ringpostctl/dkim_keys.h"

namespace ringpost::ctl {
namespace {

class Dkim : public testing::Test {
 protected:
  Dkim() {
    std::string name = testing::TempDir() + "dkimXXXXXX";
    folder = mkdtemp(name.data());
  }
  ~Dkim() override { std::filesystem::remove_all(folder); }
  Ran run(std::vector<std::string> words, const std::string& input = "") {
    return run_command(run_dkim, words, input);
  }
  std::vector<std::string> with_key(const std::string& verb, const std::string& file) {
    return {verb, "--domain", "example.test", "--selector", "sel", "--key", folder + "/" + file};
  }
  std::string folder;
};

TEST_F(Dkim, MakesKeysThatOnlyTheirOwnerReads) {
  auto words = with_key("keygen", "rsa");
  const Ran made = run(words);
  EXPECT_EQ(made.status, exit_ok) << made.err;
  struct stat status{};
  ASSERT_EQ(stat((folder + "/rsa").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  EXPECT_EQ(run(words).status, exit_failed) << "never over a file that is there";
  EXPECT_EQ(run(with_key("show", "rsa")).out, made.out);
  EXPECT_TRUE(made.out.starts_with("sel._domainkey.example.test. IN TXT \"v=DKIM1; k=rsa; p=MII"));
  EXPECT_EQ(std::ranges::count(made.out, '\n'), 1);
  // Two strings: 410 octets do not fit into one of 255.
  EXPECT_EQ(std::ranges::count(made.out, '"'), 4);
}

TEST_F(Dkim, MakesEd25519Keys) {
  auto words = with_key("keygen", "ed");
  words.insert(words.end(), {"--type", "ed25519"});
  const Ran made = run(words);
  EXPECT_EQ(made.status, exit_ok) << made.err;
  EXPECT_NE(made.out.find("\"v=DKIM1; k=ed25519; p="), std::string::npos);
}

TEST_F(Dkim, SignsWithSeveralKeys) {
  auto ed = with_key("keygen", "ed");
  ed.insert(ed.end(), {"--type", "ed25519"});
  ASSERT_EQ(run(ed).status, exit_ok);
  ASSERT_EQ(run(with_key("keygen", "rsa")).status, exit_ok);
  auto words = with_key("sign", "rsa");
  words.insert(words.end(), {"--selector", "two", "--key", folder + "/ed"});
  const std::string message = "From: a@example.test\nSubject: x\n\nbody\n";
  const Ran ran = run(words, message);
  ASSERT_EQ(ran.status, exit_ok) << ran.err;
  EXPECT_TRUE(ran.out.ends_with(message)) << "the message itself stays as it is";
  EXPECT_EQ(ran.out.find('\r'), std::string::npos) << "and so do its line ends";
  EXPECT_NE(ran.out.find("a=ed25519-sha256"), std::string::npos);
  EXPECT_NE(ran.out.find("s=two"), std::string::npos);
}

TEST_F(Dkim, SaysWhatIsWrong) {
  EXPECT_EQ(run({}).status, exit_usage);
  EXPECT_EQ(run({"show"}).status, exit_usage);
  EXPECT_EQ(run({"dance", "--domain=a.b", "--selector=s", "--key=k"}).status, exit_usage);
  EXPECT_EQ(run({"keygen", "--key", folder + "/k", "--type", "dsa"}).status, exit_usage);
  EXPECT_EQ(run({"keygen", "--key", folder + "/k", "--bits", "1024"}).status, exit_usage);
  EXPECT_EQ(run(with_key("show", "none")).status, exit_failed);
  ASSERT_EQ(store_key(folder + "/no_key", "nothing"), std::nullopt);
  EXPECT_NE(run(with_key("show", "no_key")).err.find("no private key"), std::string::npos);
  ASSERT_EQ(run(with_key("keygen", "rsa")).status, exit_ok);
  EXPECT_EQ(run(with_key("sign", "rsa"), "Subject: x\n\n").status, exit_failed) << "no From";
  auto words = with_key("sign", "rsa");
  words.insert(words.end(), {"--canon", "relaxed/loose"});
  EXPECT_EQ(run(words, "From: x\n\n").status, exit_usage);
  words = with_key("sign", "rsa");
  words.insert(words.end(), {"--selector", "two"});
  EXPECT_EQ(run(words, "From: x\n\n").status, exit_usage);
}

}  // namespace
}  // namespace ringpost::ctl
