// A virtual clock, a Stub, and the sockets between them: what the tests of the stub are made with.
// Fails as a GoogleTest assertion.
#pragma once

#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "proto/dns/stub.h"

namespace ringpost::dns {

inline Name name(std::string_view text) { return Name::parse(text).value(); }

inline Question question(std::string_view text, Type type = Type::A) { return {name(text), type}; }

inline Record address(std::string_view owner, std::string_view text, std::uint32_t ttl_s = 300) {
  const auto value = conf::parse_net_address(text).value();
  return {.owner = name(owner),
          .type = value.family == conf::Family::Inet4 ? Type::A : Type::Aaaa,
          .ttl_s = ttl_s,
          .data = value};
}

inline Record alias(std::string_view owner, std::string_view target, std::uint32_t ttl_s = 300) {
  return {.owner = name(owner), .type = Type::Cname, .ttl_s = ttl_s, .data = name(target)};
}

inline Record soa(std::uint32_t ttl_s) {
  StartOfAuthority data{.server = name("ns.example"), .contact = name("admin.example")};
  data.minimum_s = ttl_s;
  return {.owner = name("example"), .type = Type::Soa, .ttl_s = ttl_s, .data = data};
}

// A question on its way to a server.
struct Sent {
  ChannelId channel = 0;
  std::size_t server = 0;
  bool is_stream = false;
  Message message = {};
};

class StubWorld {
 public:
  explicit StubWorld(std::size_t servers, StubOptions options = {}) {
    for (std::size_t i = 0; i < servers; ++i)
      options.settings.servers.push_back(parse_server("192.0.2." + std::to_string(i + 1)).value());
    stub_ = std::make_unique<Stub>(std::move(options), [this] { return random_(); });
  }
  explicit StubWorld(StubOptions options) : StubWorld(0, std::move(options)) {}
  ~StubWorld() { take_orders(); }

  Stub& stub() { return *stub_; }
  Instant now() const { return now_; }

  Asker ask(const Question& question) {
    stub_->ask(question, ++last_asker_, now_);
    return last_asker_;
  }
  // Time passes, and what is due then is done.
  void wait(Duration duration) {
    const Instant end = now_ + duration;
    while (stub_->deadline() <= end) {
      now_ = std::max(now_, stub_->deadline());
      stub_->expire(now_);
    }
    now_ = end;
  }

  // The next question that the stub has sent.
  std::optional<Sent> sent() {
    take_orders();
    if (sent_.empty()) return std::nullopt;
    Sent first = std::move(sent_.front());
    sent_.erase(sent_.begin());
    return first;
  }
  Sent expect_sent(std::size_t server) {
    const auto found = sent();
    EXPECT_TRUE(found);
    if (found) EXPECT_EQ(found->server, server);
    return found.value_or(Sent{});
  }

  // The answer to `sent`, as a server that recurses gives it.
  static Message answer(const Sent& sent, std::vector<Record> answers,
                        ResponseCode code = ResponseCode::NoError,
                        std::vector<Record> authorities = {}) {
    Message message;
    message.header = {.id = sent.message.header.id,
                      .is_response = true,
                      .recursion_desired = true,
                      .recursion_available = true,
                      .code = code};
    message.question = sent.message.question;
    message.answers = std::move(answers);
    message.authorities = std::move(authorities);
    message.edns = Edns{};
    return message;
  }
  void deliver(const Sent& sent, const Message& message) {
    std::string octets = encode(message).value();
    if (sent.is_stream)
      octets.insert(0, {static_cast<char>(octets.size() >> 8), static_cast<char>(octets.size())});
    stub_->receive(sent.channel, bytes_of(octets), now_);
  }
  void reply(const Sent& sent, std::vector<Record> answers,
             ResponseCode code = ResponseCode::NoError, std::vector<Record> authorities = {}) {
    deliver(sent, answer(sent, std::move(answers), code, std::move(authorities)));
  }
  void break_channel(ChannelId channel) {
    if (channels_.at(channel).is_stream) channels_.erase(channel);
    stub_->broken(channel, now_);
  }

  // What `asker` was told, or nothing yet. Everybody is told once.
  AnswerPointer told(Asker asker) {
    while (auto finished = stub_->next_finished()) {
      last_took_ = finished->took;
      for (const Asker one : finished->askers) {
        EXPECT_TRUE(told_.emplace(one, finished->answer).second) << "told twice";
      }
    }
    const auto found = told_.find(asker);
    return found == told_.end() ? nullptr : found->second;
  }
  AnswerPointer expect_told(Asker asker, Outcome outcome) {
    const AnswerPointer answer = told(asker);
    EXPECT_TRUE(answer);
    if (answer) EXPECT_EQ(answer->outcome, outcome) << to_text(answer->failure);
    return answer ? answer : std::make_shared<const Answer>();
  }
  Duration last_took() const { return last_took_; }

  // Channels that are open now.
  std::size_t channels() {
    take_orders();
    return channels_.size();
  }

 private:
  struct Open {
    std::size_t server;
    bool is_stream;
  };

  void take_orders() {
    while (const auto order = stub_->next_order()) {
      if (const auto* open = std::get_if<OpenChannel>(&*order)) {
        EXPECT_TRUE(ever_.insert(open->channel).second) << "a channel is used again";
        channels_.emplace(open->channel, Open{open->server, open->is_stream});
      } else if (const auto* send = std::get_if<SendOctets>(&*order)) {
        take_send(*send);
      } else {
        EXPECT_EQ(channels_.erase(std::get<CloseChannel>(*order).channel), 1u);
      }
    }
  }
  void take_send(const SendOctets& send) {
    const auto channel = channels_.find(send.channel);
    ASSERT_NE(channel, channels_.end());
    std::string_view octets = send.octets;
    if (channel->second.is_stream) octets.remove_prefix(2);
    const auto message = decode(bytes_of(octets));
    ASSERT_TRUE(message);
    sent_.push_back({send.channel, channel->second.server, channel->second.is_stream, *message});
  }

  std::mt19937_64 random_{1};
  Instant now_{seconds(1000).ns};
  std::unique_ptr<Stub> stub_;
  Asker last_asker_ = 0;
  std::map<ChannelId, Open> channels_;
  std::set<ChannelId> ever_;
  std::vector<Sent> sent_;
  std::map<Asker, AnswerPointer> told_;
  Duration last_took_{};
};

}  // namespace ringpost::dns
