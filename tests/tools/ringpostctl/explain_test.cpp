// explain, from a file of decisions without a daemon: found by message, session and token, newest
// first; damage and other files.
#include "tools/ringpostctl/explain.h"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "store/decision/chunk.h"
#include "store/decision/token.h"
#include "tests/tools/ringpostctl/captured.h"

namespace ringpost::ctl {
namespace {

namespace fs = std::filesystem;

class Explain : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "ringpost-explain-XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    home_ = pattern;
    fs::create_directories(home_ / "spool");
  }
  void TearDown() override { fs::remove_all(home_); }

  // A chunk behind those that are there.
  void write(const std::vector<store::DecisionRecord>& records) {
    std::vector<std::byte> room(store::chunk_octets);
    store::ChunkWriter writer(room);
    writer.begin(++chunks_);
    for (const store::DecisionRecord& record : records) ASSERT_TRUE(writer.append(record));
    std::ofstream(home_ / "spool" / "decisions", std::ios::app | std::ios::binary)
        .write(reinterpret_cast<const char*>(room.data()),
               static_cast<std::streamsize>(room.size()));
  }
  Captured ctl(std::vector<std::string> words) const { return {words, home_.string(), {}}; }

  fs::path home_;
  std::uint64_t chunks_ = 0;
};

store::DecisionRecord refused() {
  return {.id = {0x0100000000000007},
          .session = 0x0100000000000003,
          .at = {1'795'392'000'000'000},
          .verdict = store::DecisionVerdict::Refused,
          .stage = store::Stage::Rcpt,
          .code = 550,
          .reply = "5.7.1 No\x1b way",
          .client = "192.0.2.7",
          .name_state = store::NameState::Unconfirmed,
          .client_name = "mx.example.org",
          .listener = "127.0.0.1:25",
          .tag = "mx",
          .hello = "mx.example.org",
          .has_sender = true,
          .recipients_accepted = 5,
          .recipients = {{"bob@example.com", "12"}},
          .refused = {"dora@example.com", "other.conf:3"},
          .says = {{.phase = filter::Phase::RcptTo,
                    .filter = "nobody",
                    .word = "reject",
                    .text = "550 No way"},
                   {.phase = filter::Phase::RcptTo,
                    .filter = "rspamd",
                    .word = "undecided",
                    .reason = "it is not running"}},
          .lookups = {{"table users key dora", "found"}},
          .authentication = {{"spf", "pass", "example.org"}},
          .spent_us = {1'500}};
}

TEST_F(Explain, TellsWhatHappenedInItsOrder) {
  write({refused()});
  const std::string token = store::token_of({0x0100000000000007});
  const Captured told = ctl({"explain", token});
  EXPECT_EQ(told.status(), exit_ok) << told.err();
  EXPECT_EQ(told.out(),
            "2026-11-23T00:00:00.000000Z  token " + token +
                "  session 0100000000000003\n"
                "  The client 192.0.2.7 came in at 127.0.0.1:25 (tag mx).\n"
                "  The DNS calls it mx.example.org, but that name does not lead back to it.\n"
                "  It called itself mx.example.org.\n"
                "  Sender: <>\n"
                "  Recipient <bob@example.com>: taken by the rule in line 12.\n"
                "  And 4 more recipients.\n"
                "  Recipient <dora@example.com>: refused; the rule at other.conf:3 decided.\n"
                "  Filter nobody, at rcpt-to: reject \"550 No way\"\n"
                "  Filter rspamd, at rcpt-to: could not decide, it is not running\n"
                "  Asked for table users key dora: found.\n"
                "  Authentication: spf=pass example.org\n"
                "  Time: connect 1.500 ms.\n"
                "  Verdict: refused at rcpt: 550 5.7.1 No? way\n");
}

TEST_F(Explain, FindsBySessionAndByMessageNewestFirst) {
  store::DecisionRecord accepted{.id = {0x0100000000000009},
                                 .session = 0x0100000000000003,
                                 .at = {1'795'392'001'000'000},
                                 .code = 250,
                                 .content_octets = 4096};
  write({refused()});
  write({accepted});
  const std::string both = ctl({"explain", "0100000000000003"}).out();
  EXPECT_LT(both.find("message 0100000000000009"), both.find("token "));
  EXPECT_TRUE(both.contains("Content: 4.0K."));
  EXPECT_TRUE(both.contains("Verdict: accepted."));
  const Captured json = ctl({"--json", "explain", "0100000000000009"});
  const mta::Json row = mta::Json::parse(json.out());
  EXPECT_EQ(row["verdict"], "accepted");
  EXPECT_EQ(row["octets"], 4096);
  EXPECT_FALSE(row.contains("from"));
}

TEST_F(Explain, SaysWhatIsNotKept) {
  Captured none = ctl({"explain", "K7Q2M9XA"});
  EXPECT_EQ(none.status(), exit_failed);
  EXPECT_TRUE(none.err().contains("decisions")) << none.err();
  write({});
  EXPECT_TRUE(ctl({"explain", "K7Q2M9XA"}).err().contains("is kept, nor any other"));
  write({refused()});
  EXPECT_TRUE(ctl({"explain", "K7Q2M9XA"})
                  .err()
                  .contains("no decision about K7Q2M9XA is kept; the oldest that is kept is of "
                            "2026-11-23T00:00:00"));
}

TEST_F(Explain, DamageCostsOneRecord) {
  store::DecisionRecord second = refused();
  second.id.value += 1;
  write({refused(), second});
  std::fstream file(home_ / "spool" / "decisions", std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(store::chunk_header_octets + 60);
  file.put('!');
  file.close();
  EXPECT_EQ(ctl({"explain", "0100000000000007"}).status(), exit_failed);
  EXPECT_EQ(ctl({"explain", "0100000000000008"}).status(), exit_ok);
}

TEST_F(Explain, WhatHasNoTraceIsToldElsewhere) {
  for (const char* word : {"imsg", "io", "mta", "bounce", "scheduler", "stat", "mproc"}) {
    const Captured told = ctl({"trace", word});
    EXPECT_EQ(told.status(), exit_ok) << word;
    EXPECT_TRUE(told.out().starts_with("nothing to trace for " + std::string(word))) << told.out();
  }
  // That needs the daemon.
  EXPECT_EQ(ctl({"trace", "filters"}).status(), exit_failed);
}

}  // namespace
}  // namespace ringpost::ctl
