// The DNS codec: what one question and one answer cost to write and to read.
#include <benchmark/benchmark.h>

#include "proto/base/check.h"
#include "proto/dns/message.h"

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

}  // namespace
}  // namespace ringpost::dns
