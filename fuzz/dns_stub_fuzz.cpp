// Servers may send anything at any time: every question ends exactly once, only what a server says
// in answer to it is found, and what is open and kept stays within its limits. The input is a list
// of steps: one octet of what happens, one of length, then octets for a channel.
#include <algorithm>
#include <map>
#include <set>

#include "proto/base/check.h"
#include "proto/dns/stub.h"

namespace {

using namespace ringpost;

constexpr std::size_t servers = 2;
constexpr std::size_t cache_octets_max = 8192;

dns::StubOptions options() {
  dns::StubOptions options;
  for (const char* text : {"192.0.2.1", "127.0.0.1"})
    options.settings.servers.push_back(dns::parse_server(text).value());
  options.cache_octets_max = cache_octets_max;
  options.questions_max = 8;
  options.streams_max = 2;
  return options;
}

class Run {
 public:
  void step(unsigned what, Bytes octets) {
    switch (what % 6) {
      case 0:
        return ask(what);
      case 1:
        return answer(what, octets, false);
      case 2:
        return answer(what, octets, true);
      case 3:
        return raw(what, octets);
      case 4:
        return break_one(what);
      default:
        now_ = now_ + milliseconds(what * 10);
        stub_.expire(now_);
    }
  }

  void settle() {
    CHECK(stub_.cache().octets() <= cache_octets_max);
    CHECK(stub_.under_way() <= 8);
    while (const auto order = stub_.next_order()) take(*order);
    CHECK(open_.size() <= servers * dns::ports_per_server + 2 + 64);
    while (const auto finished = stub_.next_finished()) {
      CHECK(finished->answer);
      CHECK((finished->answer->outcome == dns::Outcome::Found) ==
            !finished->answer->records.empty());
      for (const dns::Asker asker : finished->askers) CHECK(asked_.erase(asker) == 1);
    }
  }

  // Nothing is said any more: all that is left ends by itself.
  void end() {
    for (int i = 0; stub_.deadline() != never; ++i) {
      CHECK(i < 1000);
      now_ = std::max(now_, stub_.deadline());
      stub_.expire(now_);
      settle();
    }
    CHECK(asked_.empty() && stub_.under_way() == 0);
    CHECK(std::ranges::none_of(open_, [](const auto& one) { return one.second.is_stream; }));
  }

 private:
  struct Open {
    bool is_stream = false;
    std::string last = {};  // question
  };

  void ask(unsigned what) {
    static const auto names = std::to_array<dns::Name>(
        {dns::Name::parse("a.example").value(), dns::Name::parse("b.example").value(),
         dns::Name::parse("c.example").value(), dns::Name::parse("x.a.example").value()});
    static constexpr auto types = std::to_array(
        {dns::Type::A, dns::Type::Mx, dns::Type::Txt, dns::Type::Ptr, dns::Type::Cname});
    const dns::Question question{names[what / 6 % names.size()], types[what / 24 % types.size()]};
    if (stub_.find(question, now_)) return;
    asked_.insert(++last_asker_);
    stub_.ask(question, last_asker_, now_);
  }

  // The octets behind the id and, if told to, the question of what was asked last.
  void answer(unsigned what, Bytes octets, bool with_question) {
    if (open_.empty()) return;
    auto& [channel, open] = pick(what);
    if (open.last.size() < 12) return;
    std::string message = open.last.substr(0, 2);
    if (!with_question) {
      message += text_of(octets);
    } else {
      const std::size_t head = std::min<std::size_t>(octets.size(), 10);
      message += text_of(octets.first(head));
      message.resize(12);
      message[2] = static_cast<char>(message[2] | '\x80');
      message[4] = '\0', message[5] = '\1';
      const std::size_t edns = open.last.ends_with(std::string_view("\0\0\0\0\0\0", 6)) ? 11 : 0;
      message += open.last.substr(12, open.last.size() - 12 - edns);
      message += text_of(octets.subspan(head));
    }
    if (open.is_stream)
      message.insert(0,
                     {static_cast<char>(message.size() >> 8), static_cast<char>(message.size())});
    stub_.receive(channel, bytes_of(message), now_);
  }

  void raw(unsigned what, Bytes octets) {
    stub_.receive(open_.empty() ? what : pick(what).first, octets, now_);
  }

  void break_one(unsigned what) {
    if (open_.empty()) return stub_.broken(what, now_);
    const auto [channel, open] = pick(what);
    if (open.is_stream) open_.erase(channel);
    stub_.broken(channel, now_);
  }

  std::pair<const dns::ChannelId, Open>& pick(unsigned what) {
    auto at = open_.rbegin();
    std::advance(at, what / 6 % open_.size());
    return *at;
  }

  void take(const dns::Order& order) {
    if (const auto* opened = std::get_if<dns::OpenChannel>(&order)) {
      CHECK(opened->server < servers);
      CHECK(open_.emplace(opened->channel, Open{.is_stream = opened->is_stream}).second);
    } else if (const auto* sent = std::get_if<dns::SendOctets>(&order)) {
      Open& open = open_.at(sent->channel);
      open.last = open.is_stream ? sent->octets.substr(2) : sent->octets;
      CHECK(dns::decode(bytes_of(open.last)));
    } else {
      CHECK(open_.erase(std::get<dns::CloseChannel>(order).channel) == 1);
    }
  }

  std::uint64_t random() {
    seed_ = seed_ * 6364136223846793005u + 1442695040888963407u;
    return seed_ >> 33;
  }

  std::uint64_t seed_ = 1;
  Instant now_{1};
  dns::Stub stub_{options(), [this] { return random(); }};
  dns::Asker last_asker_ = 0;
  std::set<dns::Asker> asked_;
  std::map<dns::ChannelId, Open> open_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* octets, std::size_t size) {
  Bytes input = std::as_bytes(std::span(octets, size));
  Run run;
  while (input.size() >= 2) {
    const auto what = std::to_integer<unsigned>(input[0]);
    const std::size_t length = std::min(std::to_integer<std::size_t>(input[1]), input.size() - 2);
    run.step(what, input.subspan(2, length));
    input = input.subspan(2 + length);
    run.settle();
  }
  run.end();
  return 0;
}
