// DNS: what one question and one answer cost to write, to read, to remember and to ask.
#include <atomic>
#include <thread>

#include <benchmark/benchmark.h>
#include <poll.h>
#include <unistd.h>

#include "engine/mta/resolver.h"
#include "proto/base/check.h"
#include "proto/dns/message.h"
#include "proto/dns/stub.h"

namespace ringpost::dns {
namespace {

Message question() {
  Message message;
  message.header = {.id = 1, .recursion_desired = true, .authentic = true};
  message.question = Question{Name::parse("mail.example.com").value(), Type::A};
  message.edns = Edns{};
  return message;
}

void encode_question(benchmark::State& state) {
  const Message message = question();
  for (auto _ : state) benchmark::DoNotOptimize(encode(message));
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(encode_question);

// As many addresses as the argument says, with compressed owners as servers send them.
void decode_answer(benchmark::State& state) {
  std::string octets = encode(question()).value();
  octets.resize(octets.size() - 11);  // EDNS
  octets[2] = '\x81', octets[3] = '\x80', octets[11] = '\0';
  octets[7] = static_cast<char>(state.range(0));
  for (std::int64_t i = 0; i < state.range(0); ++i)
    octets += std::string("\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\x7f\0\0\1", 16);
  CHECK(decode(bytes_of(octets)));
  for (auto _ : state) benchmark::DoNotOptimize(decode(bytes_of(octets)));
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(decode_answer)->Arg(1)->Arg(8)->Arg(50);

// A name that is known, among as many as the argument says.
void cache_hit(benchmark::State& state) {
  Cache cache(std::size_t{1} << 30, {1, 2});
  std::vector<Question> questions;
  for (std::int64_t i = 0; i < state.range(0); ++i) {
    questions.push_back(
        {Name::parse("mail" + std::to_string(i) + ".example.com").value(), Type::A});
    Answer answer{.outcome = Outcome::Found};
    answer.records.push_back(*conf::parse_net_address("192.0.2.1"));
    answer.expires = never;
    cache.keep(questions.back(), std::make_shared<const Answer>(std::move(answer)));
  }
  std::size_t at = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(cache.find(questions[at], Instant{}));
    at = (at + 7919) % questions.size();
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(cache_hit)->Arg(1000)->Arg(50'000);

// A question that is asked and answered, with as many others under way as the argument says;
// everything but the system calls.
void asked_and_answered(benchmark::State& state) {
  StubOptions options;
  options.settings.servers = {parse_server("127.0.0.1").value()};
  std::uint64_t seed = 1;
  Stub stub(std::move(options), [&seed] {
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return seed >> 33;
  });
  std::deque<SendOctets> sent;
  std::int64_t number = 0;
  const auto ask = [&] {
    const std::string text = "mail" + std::to_string(number) + ".example.com";
    stub.ask({Name::parse(text).value(), Type::A}, static_cast<Asker>(number++), Instant{});
    while (auto order = stub.next_order())
      if (auto* send = std::get_if<SendOctets>(&*order)) sent.push_back(std::move(*send));
  };
  while (number < state.range(0)) ask();
  for (auto _ : state) {
    std::string octets = std::move(sent.front().octets);
    octets.resize(octets.size() - 11);  // EDNS
    octets[2] = '\x81', octets[3] = '\x80', octets[7] = '\1', octets[11] = '\0';
    octets += std::string("\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\x7f\0\0\1", 16);
    stub.receive(sent.front().channel, bytes_of(octets), Instant{});
    sent.pop_front();
    CHECK(stub.next_finished()->answer->outcome == Outcome::Found);
    ask();
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(asked_and_answered)->Arg(50)->Arg(500)->Arg(5000);

void reverse_name(benchmark::State& state) {
  const auto address =
      conf::parse_net_address(state.range(0) == 4 ? "192.0.2.25" : "2001:db8::25").value();
  for (auto _ : state) benchmark::DoNotOptimize(Name::reverse_of(address));
}
BENCHMARK(reverse_name)->Arg(4)->Arg(6);

// A server that answers every question with one address, as quickly as one thread can.
class Responder {
 public:
  Responder() : file_(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    const net::Address any = net::Address::parse("127.0.0.1", 0).value();
    CHECK(bind(file_, any.kernel(), any.kernel_bytes()) == 0);
    const int room = 4 << 20;
    setsockopt(file_, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
    sockaddr_storage bound{};
    socklen_t length = sizeof bound;
    CHECK(getsockname(file_, reinterpret_cast<sockaddr*>(&bound), &length) == 0);
    port_ = net::Address::from_kernel(&bound, length)->port();
    thread_ = std::thread([this] { serve(); });
  }
  ~Responder() {
    ends_ = true;
    thread_.join();
    close(file_);
  }
  ServerAddress address() const {
    return parse_server("127.0.0.1:" + std::to_string(port_)).value();
  }

 private:
  void serve() {
    static constexpr std::string_view record("\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\x7f\0\0\1", 16);
    while (!ends_) {
      pollfd wait{file_, POLLIN, 0};
      if (poll(&wait, 1, 50) != 1) continue;
      char room[512];
      sockaddr_storage from{};
      socklen_t length = sizeof from;
      while (true) {
        const ssize_t got = recvfrom(file_, room, sizeof room, MSG_DONTWAIT,
                                     reinterpret_cast<sockaddr*>(&from), &length);
        if (got < 28) break;
        const auto size = static_cast<std::size_t>(got) - 11;  // EDNS
        room[2] = '\x81', room[3] = '\x80', room[7] = '\1', room[11] = '\0';
        record.copy(room + size, record.size());
        sendto(file_, room, size + record.size(), 0, reinterpret_cast<sockaddr*>(&from), length);
      }
    }
  }

  int file_;
  std::uint16_t port_ = 0;
  std::atomic<bool> ends_{false};
  std::thread thread_;
};

struct Asking {
  mta::Resolver& resolver;
  ring::Core& core;
  std::int64_t left;
  std::int64_t next = 0;
};

ring::Task<void> ask_one_after_the_other(Asking& asking) {
  while (asking.left-- > 0) {
    const std::string text = "mail" + std::to_string(asking.next++) + ".example.com";
    Question question{Name::parse(text).value(), Type::A};
    const AnswerPointer answer =
        co_await asking.resolver.find(std::move(question), asking.core.now() + seconds(20));
    CHECK(answer->outcome == Outcome::Found);
  }
}

// Names that are not known, over sockets, with as many under way as the argument says. The column
// CPU is that of the core's thread alone.
void resolver_asks(benchmark::State& state) {
  Responder responder;
  auto core = ring::Core::create({}).value();
  auto buffers = memory::BufferRing::create(core->ring(), {.buffers = 16}).value();
  observe::ResolverMetrics metrics;
  auto resolver = mta::Resolver::create(*core, *buffers, metrics).value();
  resolver->use({.servers = {responder.address()}});
  core->at_turn_end([&] { resolver->end_of_turn(); });
  constexpr std::int64_t batch = 20'000;
  Asking asking{*resolver, *core, 0};
  ring::Scope scope;
  core->stop();
  for (auto _ : state) {
    asking.left = batch;
    for (std::int64_t i = 0; i < state.range(0); ++i)
      ring::Task<void>::spawn(scope, ask_one_after_the_other(asking));
    core->run([&scope] { return scope.idle(); });
  }
  state.SetItemsProcessed(state.iterations() * batch);
  resolver->close();
  core->run([&] { return resolver->idle(); });
}
BENCHMARK(resolver_asks)->Arg(50)->Arg(500)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace ringpost::dns
