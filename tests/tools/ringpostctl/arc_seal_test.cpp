// Sealing from the command line: what is put on top, what stays as it is, and what is refused.
#include "tools/ringpostctl/arc_seal.h"

#include <filesystem>

#include <gtest/gtest.h>

#include "tests/tools/ringpostctl/running_command.h"
#include "tools/ringpostctl/dkim_keys.h"

namespace ringpost::ctl {
namespace {

class ArcSeal : public testing::Test {
 protected:
  ArcSeal() {
    std::string name = testing::TempDir() + "sealXXXXXX";
    folder = mkdtemp(name.data());
    EXPECT_EQ(store_key(folder + "/key", make_key(auth::Algorithm::RsaSha256, 2048)), std::nullopt);
  }
  ~ArcSeal() override { std::filesystem::remove_all(folder); }
  // Port 9 answers nobody: a message without a chain asks nobody.
  Ran run(const std::string& message, std::vector<std::string> more = {}) {
    std::vector<std::string> words{"--dns",       "127.0.0.1:9", "--domain",       "example.test",
                                   "--selector",  "sel",         "--key",          folder + "/key",
                                   "--timestamp", "12345",       "--auth-serv-id", "mx.test"};
    words.insert(words.end(), more.begin(), more.end());
    return run_command(run_arc_seal, words, message);
  }
  std::string folder;
};

const std::string message =
    "Authentication-Results: mx.test; spf=pass\r\nFrom: a@b\r\n\r\nbody\r\n";

TEST_F(ArcSeal, PutsASetOnTop) {
  const Ran ran = run(message, {"--headers", "From:to:Subject"});
  ASSERT_EQ(ran.status, exit_ok) << ran.err;
  EXPECT_TRUE(ran.out.starts_with("ARC-Seal: a=rsa-sha256; b="));
  EXPECT_NE(ran.out.find("cv=none; d=example.test; i=1; s=sel; t=12345\r\nARC-Message-Signature: "),
            std::string::npos)
      << ran.out;
  EXPECT_NE(ran.out.find(" h=from:to:subject;"), std::string::npos) << ran.out;
  EXPECT_TRUE(
      ran.out.ends_with("\r\nARC-Authentication-Results: i=1; mx.test; spf=pass\r\n" + message));
  EXPECT_EQ(run(message, {"--headers", "From:to:Subject"}).out, ran.out) << "always the same";
}

TEST_F(ArcSeal, KeepsLineEnds) {
  const Ran ran = run("From: a@b\n\nbody\n");
  EXPECT_EQ(ran.out.find('\r'), std::string::npos);
  EXPECT_TRUE(ran.out.ends_with("\nFrom: a@b\n\nbody\n"));
}

TEST_F(ArcSeal, LeavesChainsThatEndedAlone) {
  const std::string ended =
      "ARC-Seal: i=1; a=rsa-sha256; cv=fail; d=a.b; s=s; b=Zm9v\n"
      "ARC-Message-Signature: i=1; a=rsa-sha256; d=a.b; s=s; h=from; bh=Zm9v; b=Zm9v\n"
      "ARC-Authentication-Results: i=1; x; arc=none\nFrom: a@b\n\n";
  const Ran ran = run(ended);
  EXPECT_EQ(ran.status, exit_ok);
  EXPECT_EQ(ran.out, ended);
  EXPECT_NE(ran.err.find("may not go on"), std::string::npos);
}

TEST_F(ArcSeal, RefusesWrongWords) {
  EXPECT_EQ(run_command(run_arc_seal, {}, message).status, exit_usage);
  EXPECT_EQ(run(message, {"--headers", "to"}).status, exit_ok) << "which signs no author";
  EXPECT_EQ(run(message, {"--headers", "from:ARC-Seal"}).status, exit_usage);
  EXPECT_EQ(run(message, {"--timestamp", "now"}).status, exit_usage);
  EXPECT_EQ(run(message, {"--dns", "nowhere"}).status, exit_usage);
  EXPECT_EQ(run(message, {"--key", folder + "/none"}).status, exit_failed);
}

}  // namespace
}  // namespace ringpost::ctl
