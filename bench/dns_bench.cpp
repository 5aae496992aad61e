// DNS: what one question and one answer cost to write, to read, to remember and to ask.
#include <benchmark/benchmark.h>

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
  Cache cache(std::size_t{1} << 30);
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

}  // namespace
}  // namespace ringpost::dns
