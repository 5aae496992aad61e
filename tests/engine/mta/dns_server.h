// A DNS server for tests: UDP and TCP on one port of loopback, in a thread of its own; what it
// answers is a function of the test's. Fails as a GoogleTest assertion.
#pragma once

#include <atomic>
#include <functional>
#include <optional>
#include <string>
#include <thread>

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "engine/net/address.h"
#include "proto/base/check.h"
#include "proto/dns/message.h"
#include "proto/dns/settings.h"

namespace ringpost::test {

class DnsServer {
 public:
  // Nothing: no answer. Runs on the server's thread.
  using Answerer = std::function<std::optional<dns::Message>(const dns::Message&, bool is_stream)>;

  explicit DnsServer(Answerer answerer) : answerer_(std::move(answerer)) {
    CHECK(bind_both());
    thread_ = std::thread([this] { serve(); });
  }
  ~DnsServer() { stop(); }
  DnsServer(const DnsServer&) = delete;
  DnsServer& operator=(const DnsServer&) = delete;

  // Its port is closed from then on.
  void stop() {
    if (!thread_.joinable()) return;
    eventfd_write(end_, 1);
    thread_.join();
    for (const int file : {datagrams_, listener_, end_}) close(file);
  }
  dns::ServerAddress address() const {
    return dns::parse_server("127.0.0.1:" + std::to_string(port_)).value();
  }
  int questions() const { return questions_; }

  // What most answers are: a response with this header's id and question.
  static dns::Message response(const dns::Message& question,
                               dns::ResponseCode code = dns::ResponseCode::NoError) {
    dns::Message message;
    message.header = {
        .id = question.header.id, .is_response = true, .recursion_available = true, .code = code};
    message.question = question.question;
    return message;
  }

 private:
  bool bind_both() {
    for (int tries = 0; tries < 50; ++tries) {
      datagrams_ = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
      listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
      const int on = 1;
      setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
      const net::Address any = net::Address::parse("127.0.0.1", 0).value();
      sockaddr_storage room{};
      socklen_t length = sizeof room;
      const bool bound =
          bind(datagrams_, any.kernel(), any.kernel_bytes()) == 0 &&
          getsockname(datagrams_, reinterpret_cast<sockaddr*>(&room), &length) == 0 &&
          bind(listener_, reinterpret_cast<sockaddr*>(&room), length) == 0 &&
          listen(listener_, 16) == 0;
      if (bound) {
        port_ = net::Address::from_kernel(&room, length)->port();
        return true;
      }
      close(datagrams_);
      close(listener_);
    }
    return false;
  }

  void serve() {
    for (;;) {
      pollfd waits[] = {{end_, POLLIN, 0}, {datagrams_, POLLIN, 0}, {listener_, POLLIN, 0}};
      poll(waits, 3, -1);
      if (waits[0].revents != 0) return;
      if (waits[1].revents != 0) serve_datagram();
      if (waits[2].revents != 0) serve_stream();
    }
  }

  std::optional<std::string> answer(std::string_view octets, bool is_stream) {
    const auto question = dns::decode(bytes_of(octets));
    if (!question) return std::nullopt;
    ++questions_;
    const auto message = answerer_(*question, is_stream);
    if (!message) return std::nullopt;
    return dns::encode(*message);
  }

  void serve_datagram() {
    char room[4096];
    sockaddr_storage from{};
    socklen_t length = sizeof from;
    const ssize_t got =
        recvfrom(datagrams_, room, sizeof room, 0, reinterpret_cast<sockaddr*>(&from), &length);
    if (got <= 0) return;
    const auto octets = answer({room, static_cast<std::size_t>(got)}, false);
    if (octets)
      sendto(datagrams_, octets->data(), octets->size(), 0, reinterpret_cast<sockaddr*>(&from),
             length);
  }

  // One question a connection; it is closed behind the answer.
  void serve_stream() {
    const int file = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (file < 0) return;
    unsigned char head[2];
    std::string question;
    if (recv(file, head, 2, MSG_WAITALL) == 2) {
      question.resize(static_cast<std::size_t>(head[0] << 8 | head[1]));
      recv(file, question.data(), question.size(), MSG_WAITALL);
      if (auto octets = answer(question, true)) {
        const std::size_t size = octets->size();
        octets->insert(0, {static_cast<char>(size >> 8), static_cast<char>(size & 0xff)});
        send(file, octets->data(), octets->size(), MSG_NOSIGNAL);
      }
    }
    close(file);
  }

  Answerer answerer_;
  int datagrams_ = -1;
  int listener_ = -1;
  int end_ = eventfd(0, EFD_CLOEXEC);
  std::uint16_t port_ = 0;
  std::atomic<int> questions_{0};
  std::thread thread_;
};

}  // namespace ringpost::test
