// LMTP delivery against scripted servers: batches, results by recipient, connections that are kept,
// and every way in which a server can fail.
#include "engine/mta/client_delivery.h"

#include <deque>

#include <gtest/gtest.h>

#include "tests/engine/mta/lmtp_server.h"
#include "tests/engine/mta/rig.h"

namespace ringpost::mta {
namespace {

using test::LmtpServer;

struct Order : DeliveryOrder {
  Order() : DeliveryOrder([](ring::Message&) {}) {}
  std::string words() const { return std::string(to_text(result.result)) + " " + result.status; }
};

class ClientDeliveryTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(rig_.start());
    rig_.core->at_turn_end([this] { delivery_.pump(); });
  }
  void TearDown() override {
    delivery_.stop();
    EXPECT_TRUE(rig_.run([&] { return delivery_.idle(); }));
  }

  QueueId spool(std::string_view content) {
    const test::Spooled message = rig_.accept(content);
    extents_ = message.envelope.extents;
    return message.id;
  }
  Order& order(QueueId id, const std::string& path, const std::string& destination) {
    Order& made = orders_.emplace_back();
    made.id = id;
    made.reverse_path = "sender@example.org";
    made.extents = extents_;
    ring::Task<void>::spawn(scope_,
                            delivery_.deliver(made, NextHop::of_lmtp(destination).value(), path));
    return made;
  }
  bool finish() {
    return rig_.run([&] { return scope_.idle(); });
  }

  test::TemporaryDirectory folder_;
  test::SpoolRig rig_{folder_.path()};
  ReadBuffers buffers_;
  static ClientLimits limits() {
    ClientLimits result;
    result.times.idle = milliseconds(300);
    result.times.dialogue.greeting = milliseconds(300);
    result.times.dialogue.content_end = milliseconds(300);
    result.times.dialogue.content_block = milliseconds(300);
    return result;
  }
  ClientDelivery delivery_{rig_.parts, *rig_.segments, buffers_, limits()};
  std::vector<store::Extent> extents_;
  std::deque<Order> orders_;
  ring::Scope scope_;
};

TEST_F(ClientDeliveryTest, RecipientsOfOneMessageShareATransaction) {
  const LmtpServer server({.at_rcpt = {{"nobody", "550 5.1.1 No such user\r\n"}},
                           .at_end = {{"full", "452 4.2.2 Mailbox full\r\n"},
                                      {"gone", "552 5.2.2 Quota exceeded\r\n"}}});
  const QueueId id = spool("Subject: x\r\n\r\n.dot\r\nend\r\n");
  const Order& good = order(id, "good", server.destination());
  const Order& nobody = order(id, "nobody", server.destination());
  const Order& full = order(id, "full", server.destination());
  const Order& gone = order(id, "gone", server.destination());
  ASSERT_TRUE(finish());
  EXPECT_EQ(good.words(), "delivered 2.0.0");
  EXPECT_EQ(good.result.detail, server.destination() + ": 250 <good> saved");
  EXPECT_EQ(nobody.words(), "failed 5.1.1");
  EXPECT_EQ(full.words(), "delayed 4.2.2");
  EXPECT_EQ(full.result.detail, server.destination() + ": 452 Mailbox full");
  EXPECT_EQ(gone.words(), "failed 5.2.2");
  const auto messages = server.messages();
  ASSERT_EQ(messages.size(), 1u);
  EXPECT_EQ(messages[0].sender, "<sender@example.org>");
  EXPECT_EQ(messages[0].recipients, (std::vector<std::string>{"good", "full", "gone"}));
  EXPECT_EQ(messages[0].content, "Subject: x\r\n\r\n..dot\r\nend\r\n");
}

TEST_F(ClientDeliveryTest, RecipientsWithDifferentSendersHaveTransactionsOfTheirOwn) {
  const LmtpServer server({});
  const QueueId id = spool("Subject: x\r\n\r\nx\r\n");
  order(id, "a", server.destination()).relayed_sender = "one@us.test";
  order(id, "b", server.destination());
  order(id, "c", server.destination()).relayed_sender = "one@us.test";
  ASSERT_TRUE(finish());
  for (const Order& one : orders_) EXPECT_EQ(one.words(), "delivered 2.0.0");
  const auto messages = server.messages();
  ASSERT_EQ(messages.size(), 2u);
  EXPECT_EQ(messages[0].sender, "<one@us.test>");
  EXPECT_EQ(messages[0].recipients, (std::vector<std::string>{"a", "c"}));
  EXPECT_EQ(messages[1].sender, "<sender@example.org>");
  EXPECT_EQ(messages[1].recipients, std::vector<std::string>{"b"});
  EXPECT_EQ(server.connections(), 1u);
}

TEST_F(ClientDeliveryTest, OneConnectionServesManyMessagesOverAUnixSocket) {
  const LmtpServer server({}, folder_.file("lmtp.sock"));
  for (int i = 0; i < 5; ++i) {
    const Order& one = order(spool("x\r\n"), "alice", server.destination());
    ASSERT_TRUE(finish());
    EXPECT_EQ(one.words(), "delivered 2.0.0");
  }
  EXPECT_EQ(server.connections(), 1u);
  EXPECT_EQ(server.messages().size(), 5u);
}

TEST_F(ClientDeliveryTest, MessagesAtOnceTakeABoundedNumberOfConnections) {
  const LmtpServer server({});
  for (int i = 0; i < 40; ++i) order(spool("x\r\n"), "alice", server.destination());
  ASSERT_TRUE(finish());
  for (const Order& one : orders_) EXPECT_EQ(one.words(), "delivered 2.0.0");
  EXPECT_LE(server.connections(), ClientLimits{}.connections_max);
}

TEST_F(ClientDeliveryTest, AnIdleConnectionThatTheServerClosedIsReplaced) {
  const LmtpServer server({.messages_per_connection = 1});
  for (int i = 0; i < 3; ++i) {
    const Order& one = order(spool("x\r\n"), "alice", server.destination());
    ASSERT_TRUE(finish());
    EXPECT_EQ(one.words(), "delivered 2.0.0");
  }
  EXPECT_EQ(server.connections(), 3u);
}

TEST_F(ClientDeliveryTest, ContentLargerThanABufferAndFullOfDots) {
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
  const Order& one = order(spool(content), "alice", server.destination());
  ASSERT_TRUE(finish());
  EXPECT_EQ(one.words(), "delivered 2.0.0");
  EXPECT_TRUE(server.messages().at(0).content == stuffed);
}

TEST_F(ClientDeliveryTest, NobodyListens) {
  const Order& one = order(spool("x\r\n"), "alice", folder_.file("nowhere"));
  const Order& other = order(spool("y\r\n"), "bob", folder_.file("nowhere"));
  ASSERT_TRUE(finish());
  EXPECT_EQ(one.words(), "delayed 4.4.1");
  EXPECT_TRUE(one.result.detail.contains("No such file or directory")) << one.result.detail;
  EXPECT_EQ(other.words(), "delayed 4.4.1");
}

TEST_F(ClientDeliveryTest, NamesAreLookedUp) {
  const LmtpServer server({});
  const std::string port = server.destination().substr(server.destination().rfind(':'));
  const Order& one = order(spool("x\r\n"), "alice", "localhost" + port);
  ASSERT_TRUE(finish());
  EXPECT_EQ(one.words(), "delivered 2.0.0");
  const Order& lost = order(spool("x\r\n"), "alice", "no-such-host.invalid:24");
  ASSERT_TRUE(finish());
  EXPECT_EQ(lost.words(), "delayed 4.4.1");
  EXPECT_FALSE(lost.result.detail.empty());
}

TEST_F(ClientDeliveryTest, AServerThatWantsNothing) {
  const LmtpServer closed({.greeting = "554 5.3.2 Not today\r\n"});
  const Order& one = order(spool("x\r\n"), "alice", closed.destination());
  ASSERT_TRUE(finish());
  EXPECT_EQ(one.words(), "delayed 4.4.1");
  EXPECT_TRUE(one.result.detail.contains("554 Not today")) << one.result.detail;
  const LmtpServer smtp({.hello = "500 5.5.1 Unknown command\r\n"});
  const Order& other = order(spool("x\r\n"), "alice", smtp.destination());
  ASSERT_TRUE(finish());
  EXPECT_EQ(other.words(), "delayed 4.4.1");
  EXPECT_TRUE(other.result.detail.contains("500 Unknown command")) << other.result.detail;
}

TEST_F(ClientDeliveryTest, AServerThatClosesBeforeTheFirstCommandIsNotAskedForEver) {
  const LmtpServer server({.closes_after_hello = true});
  const Order& one = order(spool("x\r\n"), "alice", server.destination());
  ASSERT_TRUE(finish());
  EXPECT_TRUE(one.words() == "delayed 4.4.1" || one.words() == "delayed 4.4.2") << one.words();
  EXPECT_LE(server.connections(), 2u);
}

TEST_F(ClientDeliveryTest, AConnectionLostAfterTheContentMayHaveDelivered) {
  const LmtpServer server({.silent_after_content = true});
  const Order& one = order(spool("x\r\n"), "alice", server.destination());
  ASSERT_TRUE(finish());
  EXPECT_EQ(one.words(), "delayed 4.4.2");
  EXPECT_TRUE(one.result.detail.ends_with("may have been delivered")) << one.result.detail;
}

TEST_F(ClientDeliveryTest, AServerThatClosesInsteadOfTakingContent) {
  const LmtpServer server({.instead_of_354 = "421 4.3.2 Shutting down\r\n"});
  const Order& one = order(spool("x\r\n"), "alice", server.destination());
  ASSERT_TRUE(finish());
  EXPECT_EQ(one.words(), "delayed 4.3.2");
}

TEST_F(ClientDeliveryTest, DamagedContentIsNotSentToItsEnd) {
  const LmtpServer server({});
  const QueueId id = spool("x\r\n");
  extents_.front().crc ^= 1;
  const Order& one = order(id, "alice", server.destination());
  ASSERT_TRUE(finish());
  EXPECT_EQ(one.words(), "delayed 4.3.0");
  ASSERT_TRUE(one.result.damage.has_value());
  EXPECT_EQ(one.result.damage->code, EBADMSG);
  EXPECT_TRUE(server.messages().empty());
}

TEST_F(ClientDeliveryTest, AnIdleConnectionEndsByItself) {
  const LmtpServer server({});
  order(spool("x\r\n"), "alice", server.destination());
  ASSERT_TRUE(finish());
  EXPECT_FALSE(delivery_.idle());
  EXPECT_TRUE(rig_.run([&] { return delivery_.idle(); }));
}

TEST_F(ClientDeliveryTest, AServerThatNeverGreets) {
  const LmtpServer server({.greeting = ""});
  const Order& one = order(spool("x\r\n"), "alice", server.destination());
  ASSERT_TRUE(finish());
  EXPECT_EQ(one.words(), "delayed 4.4.1");
  EXPECT_TRUE(one.result.detail.contains("did not answer in time")) << one.result.detail;
}

TEST_F(ClientDeliveryTest, AServerThatNeverSaysWhatBecameOfTheMessage) {
  std::atomic<bool> go_on{false};
  const LmtpServer server({.before_final_replies = [&] {
    while (!go_on) usleep(1'000);
  }});
  const Order& one = order(spool("x\r\n"), "alice", server.destination());
  EXPECT_TRUE(finish());
  EXPECT_EQ(one.words(), "delayed 4.4.2");
  EXPECT_TRUE(one.result.detail.ends_with("may have been delivered")) << one.result.detail;
  go_on = true;
}

TEST_F(ClientDeliveryTest, AServerThatStopsReadingContent) {
  std::atomic<bool> go_on{false};
  const LmtpServer server({.before_content = [&] {
    while (!go_on) usleep(1'000);
  }});
  std::string content;
  while (content.size() < 12'000'000) content += std::string(900, 'x') + "\r\n";
  const Order& one = order(spool(content), "alice", server.destination());
  EXPECT_TRUE(finish());
  EXPECT_EQ(one.words(), "delayed 4.4.2");
  EXPECT_FALSE(one.result.detail.contains("may have been delivered")) << one.result.detail;
  go_on = true;
}

TEST_F(ClientDeliveryTest, StoppingLetsTheTransactionEndAndAbortingDoesNot) {
  std::atomic<bool> arrived{false};
  std::atomic<bool> go_on{false};
  const LmtpServer server({.before_final_replies = [&] {
    arrived = true;
    while (!go_on) usleep(1'000);
  }});
  const Order& one = order(spool("x\r\n"), "alice", server.destination());
  ASSERT_TRUE(rig_.run([&] { return arrived.load(); }));
  delivery_.stop();
  const Order& late = order(spool("y\r\n"), "bob", server.destination());
  ASSERT_TRUE(rig_.run([&] { return scope_.running() == 1; }));
  EXPECT_EQ(late.words(), "delayed 4.4.1");
  EXPECT_FALSE(delivery_.idle());
  delivery_.abort();
  ASSERT_TRUE(finish());
  EXPECT_EQ(one.words(), "delayed 4.4.2");
  go_on = true;
}

}  // namespace
}  // namespace ringpost::mta
