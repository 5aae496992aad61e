// Sessions with scripted LMTP servers: batches, results by recipient, connections that are kept,
// and every way in which a server can fail.
#include "engine/mta/outgoing_session.h"

#include <deque>
#include <map>

#include <gtest/gtest.h>

#include "tests/engine/mta/lmtp_server.h"
#include "tests/engine/mta/rig.h"

namespace ringpost::mta {
namespace {

using test::LmtpServer;

// One destination with one connection, and what waits for it.
class Driver final : OutgoingSessionOwner {
 public:
  Driver(test::SpoolRig& rig, ReadBuffers& buffers, const ClientTimes& times)
      : rig_(rig), buffers_(buffers), times_(times) {}

  void give(OutgoingBatch& batch) {
    waiting_.push_back(&batch);
    if (!session_)
      session_ = std::make_unique<OutgoingSession>(rig_.parts, *rig_.segments, buffers_,
                                                   static_cast<OutgoingSessionOwner&>(*this),
                                                   store::SessionId{}, times_);
    if (busy_) return;
    busy_ = true;
    session_->carry(*take());
  }
  // At the end of every turn.
  void tidy() {
    if (!std::exchange(ended_, false)) return;
    session_->tidy();
    if (!session_->is_over()) return;
    failure = session_->failure();
    session_.reset();
  }
  void stop() {
    if (session_) session_->stop();
  }
  void abort() {
    if (session_) session_->abort();
  }
  bool idle() const { return !session_; }
  bool busy() const { return busy_; }

  std::string failure;

 private:
  OutgoingBatch* take() {
    OutgoingBatch* batch = waiting_.front();
    waiting_.pop_front();
    return batch;
  }
  void wants_work(OutgoingSession& session) override {
    busy_ = !waiting_.empty();
    if (busy_) session.carry(*take());
  }
  void tried(OutgoingSession& session, OutgoingBatch& batch, bool worked) override {
    batch.tried.set();
    if (worked) return;
    busy_ = false;
    session.finish();
    if (!session.has_connection()) ended(session);
  }
  void ended(OutgoingSession&) override {
    ended_ = true;
    rig_.core->turn_again();
  }

  test::SpoolRig& rig_;
  ReadBuffers& buffers_;
  ClientTimes times_;
  std::deque<OutgoingBatch*> waiting_;
  std::unique_ptr<OutgoingSession> session_;
  bool busy_ = false;
  bool ended_ = false;
};

std::string words(const OutgoingAttempt& attempt) {
  return std::string(to_text(attempt.result.result)) + " " + attempt.result.status;
}

class OutgoingSessionTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(rig_.start());
    rig_.core->at_turn_end([this] {
      for (auto& [name, driver] : drivers_) driver.tidy();
    });
  }
  void TearDown() override {
    for (auto& [name, driver] : drivers_) driver.stop();
    EXPECT_TRUE(rig_.run([&] {
      return std::ranges::all_of(drivers_, [](const auto& entry) { return entry.second.idle(); });
    }));
  }

  QueueId spool(std::string_view content) {
    const test::Spooled message = rig_.accept(content);
    extents_ = message.envelope.extents;
    return message.id;
  }
  // To several recipients in one transaction.
  std::deque<OutgoingAttempt>& order(QueueId id, const std::vector<std::string>& paths,
                                     const std::string& destination) {
    OutgoingBatch& batch = batches_.emplace_back(*rig_.dispatcher, rig_.dispatcher->destinations());
    for (const std::string& path : paths) {
      OutgoingAttempt& made = batch.attempts.emplace_back();
      made.id = id;
      made.reverse_path = "sender@example.org";
      made.extents = extents_;
      made.path = path;
    }
    batch.next = NextHop::of_lmtp(destination).value();
    ring::Task<void>::spawn(scope_, wait_for(batch));
    driver(destination).give(batch);
    return batch.attempts;
  }
  OutgoingAttempt& order(QueueId id, const std::string& path, const std::string& destination) {
    return order(id, std::vector{path}, destination).front();
  }
  Driver& driver(const std::string& destination) {
    return drivers_.try_emplace(destination, rig_, buffers_, times()).first->second;
  }
  static ring::Task<void> wait_for(OutgoingBatch& batch) { co_await batch.tried; }
  bool finish() {
    return rig_.run([&] { return scope_.idle(); });
  }
  static ClientTimes times() {
    ClientTimes result;
    result.idle = milliseconds(300);
    result.dialogue.greeting = milliseconds(300);
    result.dialogue.content_end = milliseconds(300);
    result.dialogue.content_block = milliseconds(300);
    return result;
  }

  test::TemporaryDirectory folder_;
  test::SpoolRig rig_{folder_.path()};
  ReadBuffers buffers_;
  std::vector<store::Extent> extents_;
  std::deque<OutgoingBatch> batches_;
  std::map<std::string, Driver> drivers_;
  ring::Scope scope_;
};

TEST_F(OutgoingSessionTest, RecipientsOfOneMessageShareATransaction) {
  const LmtpServer server({.at_rcpt = {{"nobody", "550 5.1.1 No such user\r\n"}},
                           .at_end = {{"full", "452 4.2.2 Mailbox full\r\n"},
                                      {"gone", "552 5.2.2 Quota exceeded\r\n"}}});
  const QueueId id = spool("Subject: x\r\n\r\n.dot\r\nend\r\n");
  const auto& all = order(id, {"good", "nobody", "full", "gone"}, server.destination());
  const auto &good = all[0], &nobody = all[1], &full = all[2], &gone = all[3];
  ASSERT_TRUE(finish());
  EXPECT_EQ(words(good), "delivered 2.0.0");
  EXPECT_EQ(good.result.detail, server.destination() + ": 250 <good> saved");
  EXPECT_EQ(words(nobody), "failed 5.1.1");
  EXPECT_EQ(words(full), "delayed 4.2.2");
  EXPECT_EQ(full.result.detail, server.destination() + ": 452 Mailbox full");
  EXPECT_EQ(words(gone), "failed 5.2.2");
  const auto messages = server.messages();
  ASSERT_EQ(messages.size(), 1u);
  EXPECT_EQ(messages[0].sender, "<sender@example.org>");
  EXPECT_EQ(messages[0].recipients, (std::vector<std::string>{"good", "full", "gone"}));
  EXPECT_EQ(messages[0].content, "Subject: x\r\n\r\n..dot\r\nend\r\n");
}

TEST_F(OutgoingSessionTest, OneConnectionServesManyMessagesOverAUnixSocket) {
  const LmtpServer server({}, folder_.file("lmtp.sock"));
  for (int i = 0; i < 5; ++i) {
    const OutgoingAttempt& one = order(spool("x\r\n"), "alice", server.destination());
    ASSERT_TRUE(finish());
    EXPECT_EQ(words(one), "delivered 2.0.0");
  }
  EXPECT_EQ(server.connections(), 1u);
  EXPECT_EQ(server.messages().size(), 5u);
}

TEST_F(OutgoingSessionTest, AnIdleConnectionThatTheServerClosedIsReplaced) {
  const LmtpServer server({.messages_per_connection = 1});
  for (int i = 0; i < 3; ++i) {
    const OutgoingAttempt& one = order(spool("x\r\n"), "alice", server.destination());
    ASSERT_TRUE(finish());
    EXPECT_EQ(words(one), "delivered 2.0.0");
  }
  EXPECT_EQ(server.connections(), 3u);
}

TEST_F(OutgoingSessionTest, ContentLargerThanABufferAndFullOfDots) {
  const LmtpServer server({});
  std::string content;
  while (content.size() < 600'000) content += ".a\r\n" + std::string(700, 'x') + "\r\n.\r\n";
  std::string stuffed;
  for (std::size_t at = 0; at < content.size();) {
    const std::size_t end = content.find("\r\n", at) + 2;
    if (content[at] == '.') stuffed += '.';
    stuffed += content.substr(at, end - at);
    at = end;
  }
  const OutgoingAttempt& one = order(spool(content), "alice", server.destination());
  ASSERT_TRUE(finish());
  EXPECT_EQ(words(one), "delivered 2.0.0");
  EXPECT_TRUE(server.messages().at(0).content == stuffed);
}

TEST_F(OutgoingSessionTest, NobodyListens) {
  const OutgoingAttempt& one = order(spool("x\r\n"), "alice", folder_.file("nowhere"));
  ASSERT_TRUE(finish());
  EXPECT_EQ(words(one), "delayed 4.4.1");
  EXPECT_TRUE(one.result.detail.contains("No such file or directory")) << one.result.detail;
  Driver& nobody = driver(folder_.file("nowhere"));
  ASSERT_TRUE(rig_.run([&] { return nobody.idle(); }));
  EXPECT_EQ(nobody.failure, one.result.detail);
}

TEST_F(OutgoingSessionTest, NamesAreLookedUp) {
  rig_.start_resolver(dns::parse_server("127.0.0.1:9").value());  // nobody is there
  const LmtpServer server({});
  const std::string port = server.destination().substr(server.destination().rfind(':'));
  const OutgoingAttempt& one = order(spool("x\r\n"), "alice", "localhost" + port);
  ASSERT_TRUE(finish());
  EXPECT_EQ(words(one), "delivered 2.0.0");
  const OutgoingAttempt& lost = order(spool("x\r\n"), "alice", "no-such-host.invalid:24");
  ASSERT_TRUE(finish());
  EXPECT_EQ(words(lost), "delayed 4.4.3");
  EXPECT_FALSE(lost.result.detail.empty());
  rig_.end_resolver();
}

TEST_F(OutgoingSessionTest, AServerThatWantsNothing) {
  const LmtpServer closed({.greeting = "554 5.3.2 Not today\r\n"});
  const OutgoingAttempt& one = order(spool("x\r\n"), "alice", closed.destination());
  ASSERT_TRUE(finish());
  EXPECT_EQ(words(one), "delayed 4.4.1");
  EXPECT_TRUE(one.result.detail.contains("554 Not today")) << one.result.detail;
  const LmtpServer smtp({.hello = "500 5.5.1 Unknown command\r\n"});
  const OutgoingAttempt& other = order(spool("x\r\n"), "alice", smtp.destination());
  ASSERT_TRUE(finish());
  EXPECT_EQ(words(other), "delayed 4.4.1");
  EXPECT_TRUE(other.result.detail.contains("500 Unknown command")) << other.result.detail;
}

TEST_F(OutgoingSessionTest, AServerThatClosesBeforeTheFirstCommandIsNotAskedForEver) {
  const LmtpServer server({.closes_after_hello = true});
  const OutgoingAttempt& one = order(spool("x\r\n"), "alice", server.destination());
  ASSERT_TRUE(finish());
  EXPECT_TRUE(words(one) == "delayed 4.4.1" || words(one) == "delayed 4.4.2") << words(one);
  EXPECT_LE(server.connections(), 2u);
}

// All it has to say, and its end, are there before the transaction has begun.
TEST_F(OutgoingSessionTest, AServerThatClosesBeforeTheFirstCommandGivesWayToTheNext) {
  const LmtpServer first(
      {.greeting = "220 lmtp ready\r\n250 lmtp\r\n", .closes_after_greeting = true});
  const std::string port = first.destination().substr(first.destination().rfind(':') + 1);
  const auto beside = net::Address::parse("127.0.0.2", static_cast<std::uint16_t>(stoi(port)));
  const LmtpServer second({}, {}, *beside);
  auto generation = std::make_shared<Generation>();
  generation->host_file =
      dns::HostFile::parse("127.0.0.1 twice.example\n127.0.0.2 twice.example\n");
  rig_.parts.generation = generation;
  rig_.core->at_turn_end([] { usleep(5'000); });
  const OutgoingAttempt& one = order(spool("x\r\n"), "alice", "twice.example:" + port);
  ASSERT_TRUE(finish());
  EXPECT_EQ(words(one), "delivered 2.0.0");
  EXPECT_EQ(second.messages().size(), 1u);
}

TEST_F(OutgoingSessionTest, AConnectionLostAfterTheContentMayHaveDelivered) {
  const LmtpServer server({.silent_after_content = true});
  const OutgoingAttempt& one = order(spool("x\r\n"), "alice", server.destination());
  ASSERT_TRUE(finish());
  EXPECT_EQ(words(one), "delayed 4.4.2");
  EXPECT_TRUE(one.result.detail.ends_with("may have been delivered")) << one.result.detail;
}

TEST_F(OutgoingSessionTest, AServerThatClosesInsteadOfTakingContent) {
  const LmtpServer server({.instead_of_354 = "421 4.3.2 Shutting down\r\n"});
  const OutgoingAttempt& one = order(spool("x\r\n"), "alice", server.destination());
  ASSERT_TRUE(finish());
  EXPECT_EQ(words(one), "delayed 4.3.2");
}

TEST_F(OutgoingSessionTest, DamagedContentIsNotSentToItsEnd) {
  const LmtpServer server({});
  const QueueId id = spool("x\r\n");
  extents_.front().crc ^= 1;
  const OutgoingAttempt& one = order(id, "alice", server.destination());
  ASSERT_TRUE(finish());
  EXPECT_EQ(words(one), "delayed 4.3.0");
  ASSERT_TRUE(one.result.damage.has_value());
  EXPECT_EQ(one.result.damage->code, EBADMSG);
  EXPECT_TRUE(server.messages().empty());
}

TEST_F(OutgoingSessionTest, AnIdleConnectionEndsByItself) {
  const LmtpServer server({});
  order(spool("x\r\n"), "alice", server.destination());
  ASSERT_TRUE(finish());
  EXPECT_FALSE(driver(server.destination()).idle());
  EXPECT_TRUE(rig_.run([&] { return driver(server.destination()).idle(); }));
}

TEST_F(OutgoingSessionTest, AServerThatNeverGreets) {
  const LmtpServer server({.greeting = ""});
  const OutgoingAttempt& one = order(spool("x\r\n"), "alice", server.destination());
  ASSERT_TRUE(finish());
  EXPECT_EQ(words(one), "delayed 4.4.1");
  EXPECT_TRUE(one.result.detail.contains("did not answer in time")) << one.result.detail;
}

TEST_F(OutgoingSessionTest, AServerThatNeverSaysWhatBecameOfTheMessage) {
  std::atomic<bool> go_on{false};
  const LmtpServer server({.before_final_replies = [&] {
    while (!go_on) usleep(1'000);
  }});
  const OutgoingAttempt& one = order(spool("x\r\n"), "alice", server.destination());
  EXPECT_TRUE(finish());
  EXPECT_EQ(words(one), "delayed 4.4.2");
  EXPECT_TRUE(one.result.detail.ends_with("may have been delivered")) << one.result.detail;
  go_on = true;
}

TEST_F(OutgoingSessionTest, AServerThatStopsReadingContent) {
  std::atomic<bool> go_on{false};
  const LmtpServer server({.before_content = [&] {
    while (!go_on) usleep(1'000);
  }});
  std::string content;
  while (content.size() < 12'000'000) content += std::string(900, 'x') + "\r\n";
  const OutgoingAttempt& one = order(spool(content), "alice", server.destination());
  EXPECT_TRUE(finish());
  EXPECT_EQ(words(one), "delayed 4.4.2");
  EXPECT_FALSE(one.result.detail.contains("may have been delivered")) << one.result.detail;
  go_on = true;
}

TEST_F(OutgoingSessionTest, StoppingLetsTheTransactionEndAndAbortingDoesNot) {
  std::atomic<bool> arrived{false};
  std::atomic<bool> go_on{false};
  const LmtpServer server({.before_final_replies = [&] {
    arrived = true;
    while (!go_on) usleep(1'000);
  }});
  const OutgoingAttempt& one = order(spool("x\r\n"), "alice", server.destination());
  ASSERT_TRUE(rig_.run([&] { return arrived.load(); }));
  Driver& delivery = driver(server.destination());
  delivery.stop();
  EXPECT_FALSE(delivery.idle());
  EXPECT_FALSE(scope_.idle());
  delivery.abort();
  ASSERT_TRUE(finish());
  EXPECT_EQ(words(one), "delayed 4.4.2");
  go_on = true;
}

}  // namespace
}  // namespace ringpost::mta
