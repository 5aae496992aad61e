// DnsClient against small servers on loopback: answers, truncation, silence, refusal.
#include "tools/ringpostctl/dns_client.h"

#include <atomic>
#include <functional>
#include <thread>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/ring/clock.h"
#include "proto/dns/message.h"

namespace ringpost::ctl {
namespace {

dns::Name name(const char* text) { return dns::Name::parse(text).value(); }

std::string text_in(const dns::Answer& answer) {
  std::string all;
  for (const dns::RecordData& data : answer.records)
    for (const std::string& part : std::get<dns::Text>(data).strings) all += part;
  return all;
}

// What a server says to a question; nothing: it keeps silent.
using Policy = std::function<std::optional<dns::Message>(const dns::Question&, bool is_stream)>;

class Server {
 public:
  explicit Server(Policy policy) : policy_(std::move(policy)) {
    datagrams_ = socket(AF_INET, SOCK_DGRAM, 0);
    stream_ = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    socklen_t size = sizeof address;
    EXPECT_EQ(bind(stream_, generic, size), 0);
    EXPECT_EQ(getsockname(stream_, generic, &size), 0);
    EXPECT_EQ(bind(datagrams_, generic, size), 0);
    EXPECT_EQ(listen(stream_, 4), 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server() {
    ends_ = true;
    thread_.join();
    close(datagrams_);
    close(stream_);
  }

  dns::ResolverSettings settings() const {
    return resolver_at(fmt::format("127.0.0.1:{}", port_)).value();
  }
  int questions() const { return questions_; }

 private:
  void serve() {
    while (!ends_) {
      std::array<pollfd, 2> polled{{{datagrams_, POLLIN, 0}, {stream_, POLLIN, 0}}};
      if (poll(polled.data(), polled.size(), 20) <= 0) continue;
      if (polled[0].revents != 0) take_datagram();
      if (polled[1].revents != 0) take_call();
    }
  }
  std::string response(Bytes octets, bool is_stream) {
    ++questions_;
    const dns::Message asked = dns::decode(octets).value();
    auto answer = policy_(*asked.question, is_stream);
    if (!answer) return {};
    answer->header.id = asked.header.id;
    answer->header.is_response = true;
    answer->question = asked.question;
    return dns::encode(*answer).value();
  }
  void take_datagram() {
    std::array<std::byte, 4096> room{};
    sockaddr_in from{};
    socklen_t size = sizeof from;
    auto* generic = reinterpret_cast<sockaddr*>(&from);
    const ssize_t octets = recvfrom(datagrams_, room.data(), room.size(), 0, generic, &size);
    const std::string sent = response(Bytes(room).first(static_cast<std::size_t>(octets)), false);
    if (!sent.empty()) sendto(datagrams_, sent.data(), sent.size(), 0, generic, size);
  }
  void take_call() {
    const int call = accept(stream_, nullptr, nullptr);
    std::array<std::byte, 4096> room{};
    std::size_t have = 0;
    while (have < 2 || have < 2U + std::to_integer<std::size_t>(room[1])) {
      const ssize_t octets = recv(call, room.data() + have, room.size() - have, 0);
      if (octets <= 0) break;
      have += static_cast<std::size_t>(octets);
    }
    std::string sent = response(Bytes(room).subspan(2, have - 2), true);
    sent.insert(0, {static_cast<char>(sent.size() >> 8), static_cast<char>(sent.size() & 0xff)});
    send(call, sent.data(), sent.size(), MSG_NOSIGNAL);
    close(call);
  }

  Policy policy_;
  int datagrams_ = -1;
  int stream_ = -1;
  std::uint16_t port_ = 0;
  std::atomic<bool> ends_ = false;
  std::atomic<int> questions_ = 0;
  std::thread thread_;
};

dns::Message text_record(const dns::Question& question, std::string text) {
  dns::Message message{.header = {.recursion_available = true}};
  std::vector<std::string> parts;
  for (; text.size() > 255; text.erase(0, 255)) parts.push_back(text.substr(0, 255));
  parts.push_back(text);
  message.answers.push_back(
      {.owner = question.name, .type = dns::Type::Txt, .ttl_s = 60, .data = dns::Text{parts}});
  return message;
}

Instant in(Duration duration) { return ring::monotonic_now() + duration; }

TEST(DnsClient, AnswersManyQuestionsInTheirOrder) {
  Server server([](const dns::Question& question, bool) {
    return text_record(question, question.name.text());
  });
  DnsClient client(server.settings());
  std::vector<dns::Question> questions;
  for (int i = 0; i < 200; ++i)
    questions.push_back({name(fmt::format("n{}.test", i).c_str()), dns::Type::Txt});
  const auto answers = client.ask(questions, in(seconds(10)));
  ASSERT_EQ(answers.size(), 200u);
  for (int i = 0; i < 200; ++i)
    EXPECT_EQ(text_in(*answers[static_cast<std::size_t>(i)]), fmt::format("n{}.test", i));
}

TEST(DnsClient, NothingIsRememberedFromOneCallToTheNext) {
  Server server([](const dns::Question& question, bool) { return text_record(question, "text"); });
  DnsClient client(server.settings());
  const std::vector<dns::Question> questions{{name("a.test"), dns::Type::Txt}};
  client.ask(questions, in(seconds(5)));
  client.ask(questions, in(seconds(5)));
  EXPECT_EQ(server.questions(), 2);
}

TEST(DnsClient, FillsAMemo) {
  Server server([](const dns::Question& question, bool) { return text_record(question, "text"); });
  DnsClient client(server.settings());
  auth::DnsMemo memo;
  EXPECT_EQ(memo.find(name("a.test"), dns::Type::Txt), nullptr);
  client.answer_all(memo, in(seconds(5)));
  ASSERT_NE(memo.find(name("a.test"), dns::Type::Txt), nullptr);
  EXPECT_EQ(text_in(*memo.find(name("a.test"), dns::Type::Txt)), "text");
}

TEST(DnsClient, ATruncatedAnswerIsAskedForByTcp) {
  const std::string large(40'000, 'x');
  Server server([&](const dns::Question& question, bool is_stream) {
    if (is_stream) return text_record(question, large);
    return dns::Message{.header = {.truncated = true, .recursion_available = true}};
  });
  DnsClient client(server.settings());
  const std::vector<dns::Question> questions{{name("a.test"), dns::Type::Txt}};
  const auto answers = client.ask(questions, in(seconds(5)));
  EXPECT_EQ(text_in(*answers[0]), large);
}

TEST(DnsClient, ASilentServerIsATimeoutAtTheDeadline) {
  Server server([](const dns::Question&, bool) { return std::nullopt; });
  DnsClient client(server.settings());
  const std::vector<dns::Question> questions{{name("a.test"), dns::Type::Txt}};
  const Instant began = ring::monotonic_now();
  const auto answers = client.ask(questions, in(milliseconds(200)));
  EXPECT_LT((ring::monotonic_now() - began).milliseconds(), 1000);
  EXPECT_EQ(answers[0]->outcome, dns::Outcome::Failed);
  EXPECT_EQ(answers[0]->failure, dns::Failure::Timeout);
}

TEST(DnsClient, APortThatRefusesIsAFailure) {
  dns::ResolverSettings settings;
  {
    Server server([](const dns::Question&, bool) { return std::nullopt; });
    settings = server.settings();
  }
  DnsClient client(settings);
  const std::vector<dns::Question> questions{{name("a.test"), dns::Type::Txt}};
  const auto answers = client.ask(questions, in(seconds(10)));
  EXPECT_EQ(answers[0]->outcome, dns::Outcome::Failed);
}

TEST(DnsClient, AServerThatIsNeitherAuthoritativeNorRecursiveIsBelieved) {
  Server server([](const dns::Question&, bool) { return dns::Message{}; });
  DnsClient client(server.settings());
  const std::vector<dns::Question> questions{{name("a.test"), dns::Type::Txt}};
  EXPECT_EQ(client.ask(questions, in(seconds(5)))[0]->outcome, dns::Outcome::NoData);
}

TEST(DnsClient, OfAServerFailureAndOfRefusalNothingIsKnown) {
  for (const auto code : {dns::ResponseCode::ServerFailure, dns::ResponseCode::Refused}) {
    Server server(
        [&](const dns::Question&, bool) { return dns::Message{.header = {.code = code}}; });
    DnsClient client(server.settings());
    const std::vector<dns::Question> questions{{name("a.test"), dns::Type::Txt}};
    EXPECT_EQ(client.ask(questions, in(seconds(5)))[0]->outcome, dns::Outcome::Failed);
  }
}

TEST(DnsClient, OnlyAddressesAreServers) {
  EXPECT_FALSE(resolver_at("ns.example.com"));
  EXPECT_FALSE(resolver_at("127.0.0.1:0"));
  EXPECT_EQ(resolver_at("[::1]:5353")->servers[0].port, 5353);
  EXPECT_FALSE(resolver_of_system().servers.empty());
}

}  // namespace
}  // namespace ringpost::ctl
