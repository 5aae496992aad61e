// spool ls, cat, verify and export on real segment files, whole and damaged.
#include "tools/ringpostctl/spool_commands.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

#include "tests/tools/ringpostctl/captured.h"
#include "tests/tools/ringpostctl/spool_files.h"

namespace ringpost::ctl {
namespace {

namespace fs = std::filesystem;

constexpr WallTime now{1'795'392'060'000'000};  // a minute after the messages came
constexpr QueueId first{0x0100000000000001};
constexpr QueueId second{0x0100000000000002};
constexpr QueueId third{0x0200000000000003};

class SpoolCommands : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "ringpost-spool-XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    home_ = pattern;
    files_ = std::make_unique<SpoolFiles>(home_ / "spool" / "log-0");
    files_->provide(0, 1);
  }
  void TearDown() override { fs::remove_all(home_); }

  Captured ctl(std::vector<std::string> words) const { return {words, home_.string(), now}; }

  static std::string contents(const fs::path& path) {
    std::ifstream stream(path, std::ios::binary);
    std::ostringstream text;
    text << stream.rdbuf();
    return text.str();
  }
  static std::string octets(std::size_t count, unsigned seed) {
    std::string text;
    for (std::size_t i = 0; i < count; ++i) {
      seed = seed * 1'664'525 + 1'013'904'223;
      text += static_cast<char>(seed >> 24);
    }
    return text;
  }

  fs::path home_;
  std::unique_ptr<SpoolFiles> files_;
};

TEST_F(SpoolCommands, ListsWhatIsLive) {
  files_->accept(first, "one");
  files_->accept(second, std::string(5000, 'x'), 3);
  files_->accept(third, "three");
  files_->deliver(second, 0);
  files_->complete(first);
  const Captured human = ctl({"spool", "ls"});
  EXPECT_EQ(human.status(), exit_ok) << human.err();
  EXPECT_EQ(human.out(),
            "ID                AGE  SIZE  FROM                 TO                             "
            "PENDING  ATTEMPTS  NEXT TRY\n"
            "0100000000000002  60s  4.9K  sender@example.test  user0@example.test and 2 more  "
            "      2         1  -\n"
            "0200000000000003  60s     5  sender@example.test  user0@example.test             "
            "      1         0  -\n");
  const Captured json = ctl({"--json", "spool", "ls"});
  EXPECT_TRUE(json.out().starts_with(
      "{\"id\":\"0100000000000002\",\"accepted\":\"2026-11-23T00:00:00.000000Z\",\"octets\":5000,"
      "\"from\":\"sender@example.test\",\"to\":[\"user0@example.test\",\"user1@example.test\","
      "\"user2@example.test\"],\"pending\":2,\"attempts\":1,\"next_try\":null}\n{\"id\":"))
      << json.out();
}

TEST_F(SpoolCommands, GivesContentOctetForOctet) {
  const std::string large = octets(90'000, 1);  // over several segments
  files_->provide(1, 2);
  files_->accept(first, octets(70'000, 2));
  files_->accept(second, large);
  files_->accept(third, "");
  EXPECT_GT(files_->segment(), 1u) << "the test wants content in two segments";
  const Captured cat = ctl({"spool", "cat", to_text(second)});
  EXPECT_EQ(cat.status(), exit_ok) << cat.err();
  EXPECT_TRUE(cat.out() == large);
  const Captured show = ctl({"show", "message", to_text(second)});
  EXPECT_TRUE(show.out() == large);
  EXPECT_EQ(ctl({"spool", "cat", to_text(third)}).out(), "");
  const Captured unknown = ctl({"spool", "cat", "0123456789abcdef"});
  EXPECT_EQ(unknown.status(), exit_failed);
  EXPECT_EQ(unknown.err(), "ringpostctl: no message 0123456789abcdef in the spool\n");
}

TEST_F(SpoolCommands, VerifiesAWholeSpool) {
  files_->accept(first, "one");
  files_->accept(second, "two two");
  const Captured human = ctl({"spool", "verify"});
  EXPECT_EQ(human.status(), exit_ok);
  EXPECT_EQ(human.out(),
            "1 segments; 2 messages with 10 octets of content are whole\n0 places are damaged\n");
  EXPECT_EQ(ctl({"--json", "spool", "verify"}).out(),
            "{\"segments\":1,\"messages\":2,\"octets\":10,\"torn_octets\":0,\"changed\":0,"
            "\"damaged\":0}\n");
}

TEST_F(SpoolCommands, CallsATornTailNormal) {
  files_->accept(first, "one");
  files_->accept(second, "two two");
  // The last write came to the disk in part: its last octets are those that were there before.
  const std::size_t begin = contents(files_->file(0)).find("two two");
  ASSERT_NE(begin, std::string::npos);
  files_->flip_bit(0, begin + 100);
  const Captured verify = ctl({"spool", "verify"});
  EXPECT_EQ(verify.status(), exit_ok) << verify.out();
  EXPECT_TRUE(verify.out().contains("normal after a crash")) << verify.out();
  EXPECT_TRUE(verify.out().contains("1 messages with 3 octets"));
}

TEST_F(SpoolCommands, FindsDamageInWhatWasAcknowledged) {
  files_->accept(first, "first content of some length");
  files_->accept(second, "second");
  files_->accept(third, "third");
  ASSERT_TRUE(files_->flip_bit_in("first content"));
  const Captured human = ctl({"spool", "verify"});
  EXPECT_EQ(human.status(), exit_failed);
  EXPECT_TRUE(human.out().contains(files_->file(0).string() + " at octet ")) << human.out();
  const Captured json = ctl({"--json", "spool", "verify"});
  EXPECT_EQ(json.status(), exit_failed);
  EXPECT_TRUE(json.out().starts_with("{\"damage\":\"")) << json.out();
  // What is whole is still there.
  EXPECT_EQ(ctl({"spool", "cat", to_text(second)}).out(), "second");
  const Captured damaged = ctl({"spool", "cat", to_text(first)});
  EXPECT_EQ(damaged.status(), exit_failed);
  EXPECT_EQ(damaged.out(), "") << "half a message must not look like one";
}

TEST_F(SpoolCommands, MissesASegmentThatIsGone) {
  files_->provide(1, 2);
  files_->accept(first, octets(120'000, 3));
  files_->accept(second, octets(20'000, 4));
  ASSERT_EQ(files_->segment(), 2u);
  fs::remove(files_->file(0));
  const Captured verify = ctl({"spool", "verify"});
  EXPECT_EQ(verify.status(), exit_failed) << verify.out();
  EXPECT_TRUE(verify.out().contains("segment 1: no file holds it")) << verify.out();
}

TEST_F(SpoolCommands, ExportsOneFilePairPerMessage) {
  files_->accept(first, "From: a\r\n\r\nbody\r\n", 2);
  files_->accept(second, "two");
  const fs::path target = home_ / "export";
  const Captured done = ctl({"spool", "export", target.string()});
  EXPECT_EQ(done.status(), exit_ok) << done.err();
  EXPECT_EQ(done.out(), "2 messages exported to " + target.string() + "\n");
  EXPECT_EQ(contents(target / (to_text(first) + ".eml")), "From: a\r\n\r\nbody\r\n");
  EXPECT_EQ(contents(target / (to_text(second) + ".eml")), "two");
  const mta::Json json =
      mta::Json::parse(contents(target / (to_text(first) + ".json")), nullptr, false);
  ASSERT_TRUE(json.is_object());
  EXPECT_EQ(json["from"], "sender@example.test");
  EXPECT_EQ(json["recipients"].size(), 2u);
  EXPECT_EQ(json["recipients"][1]["address"], "user1@example.test");

  const Captured again = ctl({"spool", "export", target.string()});
  EXPECT_EQ(again.status(), exit_failed) << "files that are there are never overwritten";
  EXPECT_TRUE(again.err().contains("File exists"));
  EXPECT_EQ(ctl({"spool", "export", (home_ / "no" / "such").string()}).status(), exit_failed);
}

TEST_F(SpoolCommands, ChangesNothing) {
  files_->accept(first, "one");
  const std::string before = contents(files_->file(0));
  const auto written = fs::last_write_time(files_->file(0));
  ctl({"spool", "ls"}), ctl({"spool", "verify"}), ctl({"spool", "cat", to_text(first)});
  EXPECT_EQ(contents(files_->file(0)), before);
  EXPECT_EQ(fs::last_write_time(files_->file(0)), written);
}

TEST_F(SpoolCommands, ReadsAnEmptySpoolAndComplainsAboutNone) {
  EXPECT_EQ(ctl({"spool", "ls"}).out(), "");
  EXPECT_EQ(ctl({"spool", "verify"}).status(), exit_ok);
  fs::remove_all(home_ / "spool");
  const Captured none = ctl({"spool", "ls"});
  EXPECT_EQ(none.status(), exit_failed);
  EXPECT_TRUE(none.err().contains("cannot read the spool: open ")) << none.err();
}

// Whatever stands in the files, the tools end in good order.
TEST_F(SpoolCommands, SurvivesAnyDamage) {
  files_->accept(first, octets(3000, 5));
  files_->accept(second, octets(3000, 6));
  const std::string whole = contents(files_->file(0));
  unsigned random = 7;
  for (int round = 0; round < 12; ++round) {
    std::string image = whole;
    for (int flips = 0; flips < 8; ++flips) {
      random = random * 1'664'525 + 1'013'904'223;
      image[(random >> 8) % 20'000] = static_cast<char>(random >> 3);
    }
    if (round % 4 == 0) image.resize(random % image.size());
    std::ofstream(files_->file(0), std::ios::binary) << image;
    const Captured verify = ctl({"spool", "verify"});
    EXPECT_TRUE(verify.status() == exit_ok || verify.status() == exit_failed);
    for (const QueueId id : {second}) {
      const Captured cat = ctl({"spool", "cat", to_text(id)});
      if (cat.status() == exit_ok) {
        EXPECT_EQ(cat.out().size(), 3000u);
      }
    }
  }
}

}  // namespace
}  // namespace ringpost::ctl
