// The sink's dialogue over loopback: what it announces, what its script makes it say and do, and
// what it counts.
#include "tools/load/sink.h"

#include <array>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/tools/load/running_sink.h"

namespace ringpost::load {
namespace {

// A client that says lines and reads replies; an empty reply is the end of the connection.
class Client {
 public:
  explicit Client(const net::Address& address) : file_(socket(AF_INET, SOCK_STREAM, 0)) {
    const timeval limit{.tv_sec = 20, .tv_usec = 0};
    setsockopt(file_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    EXPECT_EQ(connect(file_, address.kernel(), address.kernel_bytes()), 0);
  }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  ~Client() { close(file_); }

  void say(std::string_view octets) {
    EXPECT_EQ(send(file_, octets.data(), octets.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(octets.size()));
  }
  // One reply with all its lines, separated by '\n'.
  std::string reply() {
    std::string whole;
    while (true) {
      const std::string line = next_line();
      whole += (whole.empty() ? "" : "\n") + line;
      if (line.size() < 4 || line[3] != '-') return whole;
    }
  }
  std::string ask(const std::string& line) {
    say(line + "\r\n");
    return reply();
  }

 private:
  std::string next_line() {
    std::size_t end = 0;
    while ((end = unread_.find("\r\n")) == std::string::npos) {
      std::array<char, 4096> room;
      const ssize_t octets = recv(file_, room.data(), room.size(), 0);
      if (octets <= 0) return {};
      unread_.append(room.data(), static_cast<std::size_t>(octets));
    }
    const std::string line = unread_.substr(0, end);
    unread_.erase(0, end + 2);
    return line;
  }

  int file_;
  std::string unread_;
};

const std::string content = "Message-ID: <one@x.test>\r\n\r\ntext\r\n.\r\n";

// Runs a sink with this script, and `act` with a client that has been greeted.
template <class Act>
Report with_script(std::string_view script, Options options, const Act& act) {
  options.rules = parse_script(script, "script").value_or(std::vector<Rule>{});
  return with_sink(options, [&] {
    Client client(options.listen.front());
    act(client);
  });
}

TEST(LoadSink, AnnouncesWhatItIsToldAndTakesNothingElse) {
  const Port port;
  Options options = sink_at(port);
  options.announced = {.size = true, .size_octets_max = 1000};
  const Report report = with_script("", options, [](Client& client) {
    client.reply();
    EXPECT_EQ(client.ask("EHLO a.test"),
              "250-sink.ringpost.invalid\n250-SIZE 1000\n250 ENHANCEDSTATUSCODES");
    for (const std::string parameter : {"BODY=8BITMIME", "SMTPUTF8", "RET=HDRS"})
      EXPECT_TRUE(client.ask("MAIL FROM:<a@a.test> " + parameter).starts_with("555")) << parameter;
    EXPECT_TRUE(client.ask("MAIL FROM:<a@a.test> SIZE=1001").starts_with("552"));
    EXPECT_TRUE(client.ask("MAIL FROM:<a@a.test> SIZE=1000").starts_with("250"));
    EXPECT_TRUE(client.ask("RCPT TO:<b@b.test>").starts_with("250"));
    EXPECT_TRUE(client.ask("BDAT 3 LAST\r\nx").starts_with("502"));
    client.say("RSET\r\nMAIL FROM:<>\r\nRCPT TO:<c@b.test>\r\nDATA\r\n");
    for (const std::string_view code : {"250", "250", "250", "354"})
      EXPECT_TRUE(client.reply().starts_with(code));
    EXPECT_TRUE(client.ask("gr\xc3\xbc\r\n.").starts_with("250"));
  });
  // BODY, SMTPUTF8, BDAT, commands behind MAIL and RCPT, octets above 127. (RET the dialogue itself
  // refuses.)
  EXPECT_EQ(report.sink.unannounced, 6u);
  EXPECT_EQ(report.messages, 1u);
}

TEST(LoadSink, AnnouncesAllItKnowsWithoutBeingTold) {
  const Port port;
  with_script("", sink_at(port), [](Client& client) {
    client.reply();
    EXPECT_EQ(client.ask("EHLO a.test"),
              "250-sink.ringpost.invalid\n250-PIPELINING\n250-SIZE\n250-8BITMIME\n250-SMTPUTF8\n"
              "250-DSN\n250-CHUNKING\n250 ENHANCEDSTATUSCODES");
  });
}

TEST(LoadSink, AnswersAsItsScriptSays) {
  const Port port;
  const Report report = with_script(
      "hello every 2 reply 451 4.3.0 not twice\n"
      "mail sender bad@a.test reply 550 5.7.1 not you\n"
      "rcpt recipient no@b.test reply 550 5.1.1 nobody\n"
      "rcpt domain c.test reply 251 2.1.5 elsewhere\n"
      "data domain d.test reply 452 4.3.1 full\n"
      "data-end recipient late@b.test reply 554 5.6.0 no\n",
      sink_at(port), [](Client& client) {
        EXPECT_TRUE(client.reply().starts_with("220"));
        EXPECT_TRUE(client.ask("EHLO a.test").starts_with("250"));
        EXPECT_EQ(client.ask("EHLO a.test"), "451 4.3.0 not twice");
        EXPECT_EQ(client.ask("MAIL FROM:<bad@a.test>"), "550 5.7.1 not you");
        client.ask("MAIL FROM:<a@a.test>");
        EXPECT_EQ(client.ask("RCPT TO:<no@b.test>"), "550 5.1.1 nobody");
        EXPECT_EQ(client.ask("RCPT TO:<x@C.test>"), "251 2.1.5 elsewhere");
        EXPECT_TRUE(client.ask("DATA").starts_with("354"));
        EXPECT_TRUE(client.ask(content + "MAIL FROM:<>").starts_with("250"));
        client.reply();
        client.ask("RCPT TO:<x@d.test>");
        EXPECT_EQ(client.ask("DATA"), "452 4.3.1 full");
        client.ask("RSET");
        client.ask("MAIL FROM:<>");
        client.ask("RCPT TO:<x@b.test>");
        client.ask("RCPT TO:<late@b.test>");
        client.ask("DATA");
        client.say(content);
        EXPECT_EQ(client.reply(), "554 5.6.0 no");
      });
  EXPECT_EQ(report.sink.rules, (std::vector<std::uint64_t>{1, 1, 1, 1, 1, 1}));
  EXPECT_EQ(report.messages, 1u);
  EXPECT_EQ(report.sink.sum().recipients, 1u);
  EXPECT_EQ(report.sink.sum().refused, 5u);
}

TEST(LoadSink, DelaysWithoutLosingWhatWasSentMeanwhile) {
  const Port port;
  const Report report =
      with_script("greeting delay 30\nrcpt delay 30\ndata-end delay 30 reply 250 2.6.0 slowly\n",
                  sink_at(port), [](Client& client) {
                    EXPECT_TRUE(client.reply().starts_with("220"));
                    client.say("EHLO a.test\r\nMAIL FROM:<>\r\nRCPT TO:<a@b.test>\r\nDATA\r\n");
                    for (const std::string_view code : {"250", "250", "250", "354"})
                      EXPECT_TRUE(client.reply().starts_with(code));
                    client.say(content + "QUIT\r\n");
                    EXPECT_EQ(client.reply(), "250 2.6.0 slowly");
                    EXPECT_TRUE(client.reply().starts_with("221"));
                  });
  EXPECT_EQ(report.messages, 1u);
}

TEST(LoadSink, StopsWhileItDelays) {
  const Port port;
  const Report report = with_script("mail delay 3600000\n", sink_at(port), [](Client& client) {
    client.reply();
    client.ask("EHLO a.test");
    client.say("MAIL FROM:<>\r\n");
  });
  EXPECT_EQ(report.connections, 1u);
}

TEST(LoadSink, DropsAndCloses) {
  const Port port;
  Options options = sink_at(port);
  options.rules = *parse_script(
      "greeting every 3 drop\nhello close reply 421 4.3.2 later\nmail close\ndata-end drop\n", "x");
  const Report report = with_sink(options, [&] {
    Client one(options.listen.front());
    one.reply();
    EXPECT_EQ(one.ask("EHLO a.test"), "421 4.3.2 later");
    EXPECT_EQ(one.reply(), "");
    Client two(options.listen.front());
    two.reply();
    two.ask("HELO a.test");
    Client three(options.listen.front());
    EXPECT_EQ(three.reply(), "");
  });
  EXPECT_EQ(report.connections, 3u);
  EXPECT_EQ(report.sink.sum().dropped, 1u);
}

TEST(LoadSink, WhatItDropsAtTheEndOfTheContentIsNotTaken) {
  const Port port;
  const auto path =
      std::filesystem::path(testing::TempDir()) / ("sink-drops-" + std::to_string(getpid()));
  Options options = sink_at(port);
  options.ledger = path;
  const Report report =
      with_script("data-end every 2 drop\nmail every 2 close\n", options, [&](Client& client) {
        client.reply();
        client.ask("EHLO a.test");
        client.ask("MAIL FROM:<>");
        client.ask("RCPT TO:<a@b.test>");
        client.ask("RCPT TO:<c@b.test>");
        client.ask("DATA");
        client.say(content);
        EXPECT_TRUE(client.reply().starts_with("250"));
        EXPECT_TRUE(client.ask("MAIL FROM:<>").starts_with("250"));
        EXPECT_EQ(client.reply(), "") << "closed after the reply";
        Client other(port.address());
        other.reply();
        other.ask("EHLO a.test");
        other.ask("MAIL FROM:<>");
        other.ask("RCPT TO:<a@b.test>");
        other.ask("DATA");
        other.say(content);
        EXPECT_EQ(other.reply(), "");
      });
  EXPECT_EQ(report.messages, 1u);
  std::ifstream file(path);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(file), {}),
            "one@x.test a@b.test\none@x.test c@b.test\n");
  std::filesystem::remove(path);
}

TEST(LoadSink, SpeaksLmtp) {
  const Port port;
  Options options = sink_at(port);
  options.lmtp = true;
  options.announced = {.pipelining = true, .size = true, .size_octets_max = 100};
  const Report report = with_script(
      "data-end recipient no@b.test reply 550 5.2.2 full\ndata-end recipient slow@b.test delay "
      "20\n",
      options, [](Client& client) {
        client.reply();
        client.say("LH");
        EXPECT_TRUE(client.ask("LO a.test").starts_with("250-sink"));
        client.ask("MAIL FROM:<>");
        for (const std::string user : {"yes", "no", "slow"})
          client.ask("RCPT TO:<" + user + "@b.test>");
        client.ask("DATA");
        client.say(content +
                   "MAIL FROM:<>\r\nRCPT TO:<a@b.test>\r\nRCPT TO:<b@b.test>\r\nDATA\r\n");
        for (const std::string_view reply :
             {"250 2.0.0 <yes@b.test> Ok", "550 5.2.2 full", "250 2.0.0 <slow@b.test> Ok"})
          EXPECT_EQ(client.reply(), reply);
        for (int i = 0; i < 4; ++i) client.reply();
        client.say(std::string(200, 'x') + "\r\n.\r\n");
        EXPECT_TRUE(client.reply().starts_with("552"));
        EXPECT_TRUE(client.reply().starts_with("552"));
        EXPECT_TRUE(client.ask("QUIT").starts_with("221"));
      });
  EXPECT_EQ(report.messages, 1u);
  EXPECT_EQ(report.sink.sum().recipients, 2u);
  EXPECT_EQ(report.sink.unannounced, 0u);
}

TEST(LoadSink, HasNoEhloByLmtp) {
  const Port port;
  Options options = sink_at(port);
  options.lmtp = true;
  with_script("", options, [](Client& client) {
    client.reply();
    EXPECT_TRUE(client.ask("EHLO a.test").starts_with("500 5.5.1"));
  });
}

TEST(LoadSink, CountsEachDestinationByItself) {
  const Port port;
  Options options = sink_at(port);
  options.listen = *parse_listen("127.1.7.1-127.1.7.40:" + std::to_string(port.address().port()));
  options.rules = *parse_script("greeting address 127.1.7.32/28 reply 421 4.3.2 no\n", "x");
  const Report report = with_sink(options, [&] {
    for (const net::Address& address : options.listen) Client(address).reply();
  });
  ASSERT_EQ(report.sink.destinations.size(), 40u);
  EXPECT_EQ(report.sink.destinations[0].connections, 1u);
  EXPECT_EQ(report.sink.destinations[30].refused, 0u);
  EXPECT_EQ(report.sink.destinations[31].refused, 1u);
  EXPECT_EQ(report.sink.sum().refused, 9u);
}

}  // namespace
}  // namespace ringpost::load
