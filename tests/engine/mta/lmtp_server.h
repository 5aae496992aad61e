// An LMTP server of a test: blocking, one thread per connection, with replies by recipient.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <poll.h>

#include "engine/net/address.h"
#include "engine/net/listener.h"
#include "proto/smtp/path.h"
#include "tests/engine/net/peer.h"

namespace ringpost::test {

class LmtpServer {
 public:
  struct Message {
    unsigned connection = 0;
    std::string sender = {};                   // what stood behind MAIL FROM:
    std::vector<std::string> recipients = {};  // accepted, what stood behind RCPT TO:
    std::string content = {};                  // with its dots as they came
    bool operator==(const Message&) const = default;
  };
  struct Options {
    std::string greeting = "220 lmtp ready\r\n";
    std::string hello = "250-lmtp\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 ENHANCEDSTATUSCODES\r\n";
    std::map<std::string, std::string> at_rcpt = {};  // by path without brackets; otherwise 250
    std::map<std::string, std::string> at_end = {};   // the same, after the content
    std::string instead_of_354 = {};                  // the connection ends after it
    unsigned messages_per_connection = 1000;          // then it is closed without a word
    bool closes_after_greeting = false;
    bool closes_after_hello = false;
    bool silent_after_content = false;          // closes instead of replying
    std::function<void()> before_content = {};  // after 354
    std::function<void()> before_final_replies = {};
  };

  // Listens on loopback, on a Unix socket at `path`, or at `where`.
  explicit LmtpServer(Options options, const std::string& path = {},
                      net::Address where = *net::Address::parse("127.0.0.1", 0))
      : options_(std::move(options)) {
    if (path.empty()) {
      file_ = net::bind_socket(where).value();
      destination_ = net::bound_address(file_)->to_text();
    } else {
      const auto socket_path = net::SocketPath::parse(path);
      file_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
      EXPECT_EQ(bind(file_, socket_path->kernel(), socket_path->kernel_bytes()), 0);
      destination_ = path;
    }
    EXPECT_EQ(listen(file_, 64), 0);
    acceptor_ = std::thread([this] { accept_all(); });
  }
  ~LmtpServer() {
    stopping_ = true;
    acceptor_.join();
    for (std::thread& thread : threads_) thread.join();
    close(file_);
  }
  LmtpServer(const LmtpServer&) = delete;
  LmtpServer& operator=(const LmtpServer&) = delete;

  const std::string& destination() const { return destination_; }
  unsigned connections() const { return connections_; }
  std::vector<Message> messages() const {
    const std::lock_guard guard(lock_);
    return messages_;
  }

 private:
  void accept_all() {
    while (!stopping_) {
      pollfd ready{file_, POLLIN, 0};
      if (poll(&ready, 1, 20) != 1) continue;
      const int file = accept4(file_, nullptr, nullptr, SOCK_CLOEXEC);
      if (file < 0) continue;
      const unsigned number = ++connections_;
      threads_.emplace_back([this, file, number] { serve(file, number); });
    }
  }

  // A line without its end; empty at the end of the connection.
  std::string line(const Peer& peer, std::string& rest) {
    std::size_t end = 0;
    while ((end = rest.find("\r\n")) == std::string::npos) {
      pollfd ready{peer.file(), POLLIN, 0};
      while (poll(&ready, 1, 20) == 0)
        if (stopping_) return {};
      char room[65536];
      const ssize_t count = recv(peer.file(), room, sizeof room, 0);
      if (count <= 0) return {};
      rest.append(room, static_cast<std::size_t>(count));
    }
    std::string result = rest.substr(0, end + 2);
    rest.erase(0, end + 2);
    return result;
  }

  void serve(int file, unsigned number) {
    Peer peer(file);
    std::string rest;
    Message message{.connection = number};
    peer.send(options_.greeting);
    if (options_.closes_after_greeting) return;
    unsigned served = 0;
    while (true) {
      const std::string said = line(peer, rest);
      if (said.empty()) return;
      if (said.starts_with("LHLO ")) {
        peer.send(options_.hello);
        if (options_.closes_after_hello) return;
      }
      if (said.starts_with("MAIL FROM:")) {
        message.sender = said.substr(10, said.size() - 12);
        peer.send("250 2.1.0 Ok\r\n");
      }
      if (said.starts_with("RCPT TO:<")) take_recipient(peer, said, message);
      if (said.starts_with("RSET")) {
        message = {.connection = number};
        peer.send("250 2.0.0 Ok\r\n");
      }
      if (said.starts_with("QUIT")) {
        peer.send("221 2.0.0 Bye\r\n");
        return;
      }
      if (!said.starts_with("DATA")) continue;
      if (!take_content(peer, rest, message)) return;
      message = {.connection = number};
      if (++served == options_.messages_per_connection) return;
    }
  }

  void take_recipient(const Peer& peer, const std::string& said, Message& message) {
    const std::string path = said.substr(9, said.find('>') - 9);
    const auto found = options_.at_rcpt.find(path);
    if (found == options_.at_rcpt.end()) message.recipients.push_back(path);
    peer.send(found == options_.at_rcpt.end() ? "250 2.1.5 Ok\r\n" : found->second);
  }

  bool take_content(Peer& peer, std::string& rest, Message& message) {
    if (message.recipients.empty()) return peer.send("503 5.5.1 No recipients\r\n") > 0;
    if (!options_.instead_of_354.empty()) {
      peer.send(options_.instead_of_354);
      return false;
    }
    peer.send("354 go\r\n");
    if (options_.before_content) options_.before_content();
    while (true) {
      const std::string text = line(peer, rest);
      if (text.empty()) return false;
      if (text == ".\r\n") break;
      message.content += text;
    }
    {
      const std::lock_guard guard(lock_);
      messages_.push_back(message);
    }
    if (options_.before_final_replies) options_.before_final_replies();
    if (options_.silent_after_content) return false;
    for (const std::string& path : message.recipients) {
      const auto found = options_.at_end.find(path);
      peer.send(found == options_.at_end.end() ? "250 2.0.0 <" + path + "> saved\r\n"
                                               : found->second);
    }
    return true;
  }

  Options options_;
  int file_ = -1;
  std::string destination_;
  std::atomic<bool> stopping_{false};
  std::atomic<unsigned> connections_{0};
  mutable std::mutex lock_;
  std::vector<Message> messages_;
  std::thread acceptor_;
  std::vector<std::thread> threads_;
};

}  // namespace ringpost::test
