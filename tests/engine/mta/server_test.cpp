// The whole daemon in this process: it takes mail on a port, delivers it, stops, and goes on with
// what was queued, also with another number of cores.
#include "engine/mta/server.h"

#include <deque>
#include <filesystem>
#include <fstream>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>

#include "engine/mta/control_socket.h"
#include "engine/mta/generation_loader.h"
#include "tests/engine/mta/rig.h"
#include "tests/engine/net/peer.h"

namespace ringpost::mta {
namespace {

namespace fs = std::filesystem;

std::uint16_t free_port() {
  const int file = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(bind(file, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  socklen_t size = sizeof address;
  getsockname(file, reinterpret_cast<sockaddr*>(&address), &size);
  close(file);
  return ntohs(address.sin_port);
}

std::size_t open_files() {
  const fs::directory_iterator all("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

class ServerTest : public testing::Test {
 protected:
  std::string configuration(unsigned cores) const {
    const std::string owner =
        std::to_string(geteuid()) + ":" + std::to_string(getegid()) + ":/nowhere";
    return fmt::format(R"(engine cores {0}
spool segment-size 1M
spool min-free 1M
log "{1}/log"
queue retry-interval 1s
listen on 127.0.0.1 port {2} hostname mx.example.org
listen on socket tag HERE
table users {{
  "alice@example.org" = "alice", "alice@here.example" = "alice", "bob@example.org" = "bob"
}}
table base {{ "alice" = "{3}", "bob" = "{3}" }}
action "in" maildir "{1}/%{{user.username}}" virtual <users> userbase <base>
match from any for domain "example.org" action "in"
match from socket tag HERE for domain "here.example" rcpt-to "alice@here.example" action "in"
)",
                       cores, folder_.path(), port_, owner);
  }
  void configure(const std::string& text) const {
    std::ofstream(folder_.file("smtpd.conf")) << text;
  }
  std::expected<std::unique_ptr<Server>, Fault> try_start(unsigned cores) {
    configure(configuration(cores) + more_);
    ServerOptions options;
    options.config.path = folder_.file("smtpd.conf");
    options.config.server_name = "mx.example.org";
    LoadedGeneration loaded = load_generation(options.config);
    for (const auto& one : loaded.diagnostics) ADD_FAILURE() << conf::to_text(one);
    options.home = Home::below(folder_.path());
    options.level = observe::Level::Verbose;
    return Server::start(std::move(options), std::move(loaded.generation));
  }
  std::unique_ptr<Server> start(unsigned cores) {
    auto server = try_start(cores);
    EXPECT_TRUE(server) << to_text(server.error());
    return server ? std::move(*server) : nullptr;
  }
  // Sends `text` and receives until a line with `code` has come.
  static std::string ask(test::Peer& peer, const std::string& text, const std::string& code) {
    peer.send(text);
    std::string said;
    while (said.find(code + " ") == std::string::npos || !said.ends_with('\n')) {
      const std::string more = peer.receive(1);
      if (more.empty()) break;
      said += more;
    }
    return said;
  }
  // A whole session with one recipient; what the server said.
  std::string session(const std::string& recipient, const std::string& content) {
    return session(test::Peer(*net::Address::parse("127.0.0.1", port_)), recipient, content);
  }
  static std::string session(test::Peer peer, const std::string& recipient,
                             const std::string& content) {
    EXPECT_EQ(peer.error(), 0);
    std::string said = ask(peer, "", "220");
    said += ask(peer, "EHLO client.example\r\n", "250");
    said += ask(peer, "MAIL FROM:<s@example.net>\r\n", "250");
    said += ask(peer, "RCPT TO:<" + recipient + ">\r\n", "250");
    said += ask(peer, "DATA\r\n", "354");
    said += ask(peer, content + ".\r\n", "250");
    peer.send("QUIT\r\n");
    return said + peer.receive();
  }
  std::vector<std::string> delivered(const std::string& user) const {
    std::vector<std::string> texts;
    const std::string folder = folder_.file(user) + "/new";
    if (!fs::is_directory(folder)) return texts;
    for (const auto& entry : fs::directory_iterator(folder))
      texts.push_back(test::read_text(entry.path()));
    return texts;
  }
  bool arrives(const std::string& user, std::size_t count) const {
    return test::wait_for([&] { return delivered(user).size() == count; }, seconds(40));
  }

  test::TemporaryDirectory folder_;
  std::uint16_t port_ = free_port();
  std::string more_;  // of the configuration
};

TEST_F(ServerTest, TakesDeliversAndStops) {
  const auto server = start(1);
  ASSERT_NE(server, nullptr);
  const std::string said = session("alice@example.org", "Subject: hello\r\n\r\n..dot\r\n");
  EXPECT_TRUE(said.starts_with("220 mx.example.org ")) << said;
  EXPECT_NE(said.find("250 2.0.0 Ok: queued as "), std::string::npos) << said;
  ASSERT_TRUE(arrives("alice", 1));
  const std::string text = delivered("alice").front();
  EXPECT_TRUE(text.starts_with("Return-Path: <s@example.net>\nDelivered-To: alice@example.org\n"));
  EXPECT_TRUE(text.ends_with("\nSubject: hello\n\n.dot\n")) << text;
  EXPECT_EQ(text.find('\r'), std::string::npos);
  EXPECT_TRUE(fs::is_empty(folder_.file("alice/tmp")));
}

// Everybody may connect; only there do rules for the socket and its tag hold.
TEST_F(ServerTest, TakesMailOnTheLocalSocket) {
  const auto server = start(2);
  ASSERT_NE(server, nullptr);
  const std::string path = Home::below(folder_.path()).smtp_socket();
  struct stat status{};
  ASSERT_EQ(stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0666u);
  ASSERT_EQ(stat(folder_.file("run").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0711u);
  for (int i = 0; i < 8; ++i) {
    const auto file = connect_control(path);
    ASSERT_TRUE(file) << to_text(file.error());
    const std::string said = session(test::Peer(*file), "alice@here.example", "Subject: x\r\n");
    EXPECT_NE(said.find("queued as"), std::string::npos) << said;
  }
  ASSERT_TRUE(arrives("alice", 8));
  const std::string uid = std::to_string(geteuid());
  const std::string text = delivered("alice").front();
  EXPECT_NE(
      text.find("\nReceived: from client.example (" + uid + "@mx.example.org [local])\n\tby "),
      std::string::npos)
      << text;
  EXPECT_NE(test::read_text(folder_.file("log")).find("client=local:" + uid), std::string::npos);
  EXPECT_NE(session("alice@here.example", "").find("550 "), std::string::npos);
}

// Not even a daemon that is killed stands in the way of the next one.
TEST_F(ServerTest, TakesTheLocalSocketsPlace) {
  const std::string path = Home::below(folder_.path()).smtp_socket();
  ASSERT_NE(start(1), nullptr);
  EXPECT_FALSE(fs::exists(path));
  {
    auto left = LocalSocket::bind(path);
    ASSERT_TRUE(left);
    fs::rename(path, path + ".left");
  }
  fs::rename(path + ".left", path);
  EXPECT_NE(start(1), nullptr);
  std::ofstream(path) << "not a socket";
  const auto refused = try_start(1);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, EEXIST);
  EXPECT_EQ(test::read_text(path), "not a socket");
}

TEST_F(ServerTest, OnlyOneDaemonForAHome) {
  const auto server = start(1);
  ASSERT_NE(server, nullptr);
  const auto second = try_start(1);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().operation, "lock");
}

TEST_F(ServerTest, APortThatIsTakenStopsTheStart) {
  const int file = socket(AF_INET, SOCK_STREAM, 0);
  const net::Address address = *net::Address::parse("127.0.0.1", port_);
  ASSERT_EQ(bind(file, address.kernel(), address.kernel_bytes()), 0);
  ASSERT_EQ(listen(file, 1), 0);
  const auto server = try_start(2);
  ASSERT_FALSE(server);
  EXPECT_EQ(server.error().code, EADDRINUSE);
  close(file);
  EXPECT_NE(start(2), nullptr);
}

// Whatever was bound before the start failed is given back.
TEST_F(ServerTest, AFailedStartLeavesNoSocketOpen) {
  const std::uint16_t second = free_port();
  more_ = fmt::format("listen on 127.0.0.1 port {}\n", second);
  const int file = socket(AF_INET, SOCK_STREAM, 0);
  const net::Address address = *net::Address::parse("127.0.0.1", second);
  ASSERT_EQ(bind(file, address.kernel(), address.kernel_bytes()), 0);
  ASSERT_EQ(listen(file, 1), 0);
  const std::size_t before = open_files();
  ASSERT_FALSE(try_start(2));
  EXPECT_EQ(open_files(), before);
  close(file);
}

// The mailbox cannot be written; the queue goes through two more lives on other numbers of cores,
// and each message arrives once when the way is free.
TEST_F(ServerTest, TheQueueOutlivesStopsAndNumbersOfCores) {
  std::ofstream(folder_.file("alice")) << "in the way";
  unsigned accepted = 0;
  for (const unsigned cores : {2u, 3u, 1u}) {
    const auto server = start(cores);
    ASSERT_NE(server, nullptr);
    for (unsigned i = 0; i < 8; ++i) {
      const std::string body = "number " + std::to_string(accepted++) + "\r\n";
      const std::string said = session("alice@example.org", "Subject: x\r\n\r\n" + body);
      EXPECT_NE(said.find("queued as"), std::string::npos) << said;
    }
    session("bob@example.org", "Subject: x\r\n\r\nfor bob\r\n");
  }
  EXPECT_TRUE(delivered("alice").empty());
  fs::remove(folder_.file("alice"));
  const auto server = start(2);
  ASSERT_NE(server, nullptr);
  ASSERT_TRUE(arrives("alice", accepted));
  EXPECT_TRUE(arrives("bob", 3));
  const std::vector<std::string> texts = delivered("alice");
  for (unsigned i = 0; i < accepted; ++i) {
    const std::string body = "\nnumber " + std::to_string(i) + "\n";
    EXPECT_EQ(std::ranges::count_if(texts, [&](const auto& t) { return t.ends_with(body); }), 1)
        << i;
  }
}

// Open sessions are told 421, and what they have not ended is not ours.
TEST_F(ServerTest, StoppingEndsOpenSessions) {
  auto server = start(2);
  ASSERT_NE(server, nullptr);
  std::deque<test::Peer> peers;
  for (int i = 0; i < 8; ++i) {
    peers.emplace_back(*net::Address::parse("127.0.0.1", port_));
    EXPECT_TRUE(peers.back().receive(4).starts_with("220 "));
  }
  const Instant began = test::monotonic_now();
  server.reset();
  EXPECT_LT((test::monotonic_now() - began).seconds(), 9);
  for (test::Peer& peer : peers) EXPECT_NE(peer.receive().find("421 "), std::string::npos);
}

// They send commands and read nothing, and each could hold four of the core's 1,024 buffers.
TEST_F(ServerTest, PeersThatDoNotReadLeaveBuffersToOthers) {
  more_ = "smtp limit max-connections-per-address 1000\n";
  const auto server = start(1);
  ASSERT_NE(server, nullptr);
  std::string commands;
  while (commands.size() < 256 * 1024) commands += "HELP\r\n";
  const net::Address target = *net::Address::parse("127.0.0.1", port_);
  std::deque<test::Peer> peers;
  std::vector<std::size_t> sent(350);
  for (std::size_t i = 0; i < sent.size(); ++i) {
    const int file = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int octets = 4096;
    setsockopt(file, SOL_SOCKET, SO_RCVBUF, &octets, sizeof octets);
    ASSERT_EQ(connect(file, target.kernel(), target.kernel_bytes()), 0);
    peers.emplace_back(file);
  }
  for (const Instant end = test::monotonic_now() + seconds(3); test::monotonic_now() < end;) {
    for (std::size_t i = 0; i < sent.size(); ++i) {
      const ssize_t taken = send(peers[i].file(), commands.data() + sent[i],
                                 commands.size() - sent[i], MSG_NOSIGNAL | MSG_DONTWAIT);
      if (taken > 0) sent[i] += static_cast<std::size_t>(taken);
    }
    usleep(10'000);
  }
  const std::string content(100'000, 'x');
  const std::string said = session("alice@example.org", "Subject: x\r\n\r\n" + content + "\r\n");
  EXPECT_NE(said.find("queued as"), std::string::npos) << said;
  EXPECT_TRUE(arrives("alice", 1));
}

// Stopped at once after the start, while segments are still being made.
TEST_F(ServerTest, StartAndStopAtOnce) {
  for (int i = 0; i < 5; ++i) EXPECT_NE(start(2), nullptr);
}

// What the control socket answers.
std::string order(const std::string& socket_path, const std::string& command,
                  std::vector<std::string> arguments = {}) {
  const auto file = connect_control(socket_path);
  EXPECT_TRUE(file) << to_text(file.error());
  if (!file) return {};
  const std::string line =
      control::print_request({.command = command, .arguments = std::move(arguments)});
  EXPECT_EQ(write(*file, line.data(), line.size()), static_cast<ssize_t>(line.size()));
  std::string said;
  char room[4096];
  for (ssize_t got = 0; (got = read(*file, room, sizeof room)) > 0;)
    said.append(room, static_cast<std::size_t>(got));
  close(*file);
  return said;
}

class ReloadTest : public ServerTest {
 protected:
  std::string reload() const {
    return order(Home::below(folder_.path()).control_socket(), "reload");
  }
  static std::string replaced(std::string text, std::string_view from, std::string_view to) {
    text.replace(text.find(from), from.size(), to);
    return text;
  }
  static constexpr std::string_view bob = ", \"bob@example.org\" = \"bob\"";
};

// A session ends on the configuration it began with; the next one has the new one.
TEST_F(ReloadTest, SessionsEndOnWhatTheyBeganWith) {
  const auto server = start(2);
  ASSERT_NE(server, nullptr);
  test::Peer early(*net::Address::parse("127.0.0.1", port_));
  ask(early, "", "220");
  ask(early, "EHLO client.example\r\n", "250");
  configure(replaced(configuration(2), bob, ""));
  EXPECT_NE(reload().find("\"ok\":true"), std::string::npos);
  test::Peer late(*net::Address::parse("127.0.0.1", port_));
  ask(late, "", "220");
  ask(late, "EHLO client.example\r\n", "250");
  ask(late, "MAIL FROM:<s@example.net>\r\n", "250");
  EXPECT_NE(ask(late, "RCPT TO:<bob@example.org>\r\n", "550").find("550 5.1.1"), std::string::npos);
  ask(early, "MAIL FROM:<s@example.net>\r\n", "250");
  EXPECT_NE(ask(early, "RCPT TO:<bob@example.org>\r\n", "250").find("250 2.1.5"),
            std::string::npos);
  ask(early, "DATA\r\n", "354");
  EXPECT_NE(ask(early, "Subject: early\r\n\r\n.\r\n", "250").find("queued"), std::string::npos);
  EXPECT_TRUE(arrives("bob", 1));
}

TEST_F(ReloadTest, MistakesChangeNothing) {
  const auto server = start(2);
  ASSERT_NE(server, nullptr);
  configure(configuration(2) + "match from any for any action \"nowhere\"\nlistne on all\n");
  const std::string said = reload();
  EXPECT_NE(said.find("\"ok\":false"), std::string::npos) << said;
  EXPECT_NE(said.find("smtpd.conf:15:"), std::string::npos) << said;
  EXPECT_NE(said.find("smtpd.conf:16:1: "), std::string::npos) << said;
  EXPECT_NE(session("bob@example.org", "Subject: x\r\n\r\n").find("queued"), std::string::npos);
  fs::remove(folder_.file("smtpd.conf"));
  EXPECT_NE(reload().find("No such file"), std::string::npos);
  EXPECT_NE(session("bob@example.org", "Subject: x\r\n\r\n").find("queued"), std::string::npos);
}

// Ports come and go; who is connected stays.
TEST_F(ReloadTest, ListenersAreCompared) {
  const auto server = start(2);
  ASSERT_NE(server, nullptr);
  const std::uint16_t first = port_;
  test::Peer early(*net::Address::parse("127.0.0.1", first));
  ask(early, "", "220");
  port_ = free_port();
  configure(configuration(2) + fmt::format("listen on 127.0.0.1 port {}\n", first));
  EXPECT_NE(reload().find("\"ok\":true"), std::string::npos);
  EXPECT_NE(session("alice@example.org", "Subject: x\r\n\r\n").find("queued"), std::string::npos);
  configure(configuration(2));
  EXPECT_NE(reload().find("\"ok\":true"), std::string::npos);
  EXPECT_TRUE(test::wait_for([&] {
    return test::Peer(*net::Address::parse("127.0.0.1", first)).error() == ECONNREFUSED;
  }));
  EXPECT_NE(session("alice@example.org", "Subject: x\r\n\r\n").find("queued"), std::string::npos);
  EXPECT_NE(ask(early, "EHLO client.example\r\n", "250").find("mx.example.org"), std::string::npos);
}

TEST_F(ReloadTest, APortThatIsTakenChangesNothing) {
  const auto server = start(2);
  ASSERT_NE(server, nullptr);
  const std::uint16_t other = free_port();
  const int file = socket(AF_INET, SOCK_STREAM, 0);
  const net::Address address = *net::Address::parse("127.0.0.1", other);
  ASSERT_EQ(bind(file, address.kernel(), address.kernel_bytes()), 0);
  ASSERT_EQ(listen(file, 1), 0);
  configure(replaced(configuration(2), bob, "") +
            fmt::format("listen on 127.0.0.1 port {}\n", other));
  EXPECT_NE(reload().find("in use"), std::string::npos);
  EXPECT_NE(session("bob@example.org", "Subject: x\r\n\r\n").find("queued"), std::string::npos);
  close(file);
}

TEST_F(ReloadTest, WhatNeedsARestartIsTold) {
  const auto server = start(2);
  ASSERT_NE(server, nullptr);
  configure(configuration(1));
  const std::string said = reload();
  EXPECT_NE(said.find("\"ok\":true"), std::string::npos);
  EXPECT_NE(said.find("engine cores\\\" has changed"), std::string::npos) << said;
}

// Many generations under sessions that come and go: nothing is lost, nothing is kept for ever.
TEST_F(ReloadTest, ManyInARow) {
  const auto server = start(2);
  ASSERT_NE(server, nullptr);
  for (unsigned i = 0; i < 20; ++i) {
    EXPECT_NE(reload().find("\"ok\":true"), std::string::npos);
    EXPECT_NE(session("alice@example.org", "Subject: x\r\n\r\n").find("queued"), std::string::npos);
  }
  EXPECT_TRUE(arrives("alice", 20));
}

}  // namespace
}  // namespace ringpost::mta
