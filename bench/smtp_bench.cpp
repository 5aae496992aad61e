// What the SMTP machine costs by itself: lines, commands, content, and a whole pipelined
// transaction.
#include <string>

#include <benchmark/benchmark.h>

#include "proto/base/check.h"
#include "proto/mail/received.h"
#include "proto/smtp/command.h"
#include "proto/smtp/data_decoder.h"
#include "proto/smtp/line_reader.h"
#include "proto/smtp/server_session.h"

namespace ringpost::smtp {
namespace {

std::string content_of(std::size_t octets, std::size_t line_octets) {
  std::string text;
  while (text.size() < octets) text += std::string(line_octets - 2, 'x') + "\r\n";
  return text;
}

void lines_and_commands(benchmark::State& state) {
  const std::string text =
      "MAIL FROM:<alice@client.example> SIZE=4096 BODY=8BITMIME\r\n"
      "RCPT TO:<bob@mail.example> NOTIFY=FAILURE,DELAY\r\nDATA\r\n";
  for (auto _ : state) {
    LineReader reader;
    for (Bytes rest = bytes_of(text); !rest.empty();) {
      const LineReader::Taken taken = reader.take(rest, 2048);
      auto command = parse_command(taken.line);
      benchmark::DoNotOptimize(command);
      rest = rest.subspan(taken.octets);
    }
  }
  state.SetItemsProcessed(state.iterations() * 3);
}
BENCHMARK(lines_and_commands);

void decode(benchmark::State& state, const std::string& text) {
  for (auto _ : state) {
    DataDecoder decoder;
    std::size_t octets = 0;
    for (Bytes rest = bytes_of(text); !rest.empty();) {
      const DataDecoder::Step step = decoder.decode(rest);
      octets += step.content.size();
      rest = rest.subspan(step.octets);
    }
    benchmark::DoNotOptimize(octets);
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(text.size()));
}

void data_decoding(benchmark::State& state) {
  decode(state, content_of(16'384, static_cast<std::size_t>(state.range(0))));
}
BENCHMARK(data_decoding)->Arg(40)->Arg(78)->Arg(998);

// The worst case: every line begins with a dot.
void data_decoding_of_dots(benchmark::State& state) {
  std::string text;
  while (text.size() < 16'384) text += "..\r\n";
  decode(state, text);
}
BENCHMARK(data_decoding_of_dots);

// MAIL to end of data in one piece, all accepted; the content is 4 KiB of 78-octet lines.
void pipelined_transaction(benchmark::State& state) {
  SessionLimits limits;
  limits.messages_max = UINT32_MAX;
  const std::string text =
      "MAIL FROM:<alice@client.example>\r\nRCPT TO:<bob@mail.example>\r\nDATA\r\n"
      "Received: from a by b; date\r\nSubject: bench\r\nFrom: alice@client.example\r\n\r\n" +
      content_of(4096, 78) + ".\r\n";
  ServerSession session(limits, "mx.example", Instant{});
  const auto run = [&](std::string_view octets) {
    for (Bytes rest = bytes_of(octets);;) {
      while (const auto event = session.next_event()) {
        benchmark::DoNotOptimize(event);
        if (session.awaits_answer()) session.answer(Decision::accept(), Instant{});
      }
      if (rest.empty()) break;
      rest = rest.subspan(session.receive(rest, Instant{}));
    }
    session.transmitted(session.transmit().size());
  };
  run("EHLO client.example\r\n");
  for (auto _ : state) run(text);
  CHECK(!session.wants_close());
  state.SetItemsProcessed(state.iterations());
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(text.size()));
}
BENCHMARK(pipelined_transaction);

void received_field(benchmark::State& state) {
  mail::ReceivedTrace trace;
  trace.hello_name = "client.example";
  trace.extended = true;
  trace.client_address = "192.0.2.1";
  trace.server_name = "mx.example";
  trace.recipient = "bob@mail.example";
  trace.received = {1'795'391'000'000'000};
  std::string field;
  for (auto _ : state) {
    field.clear();
    mail::append_received(field, trace);
    benchmark::DoNotOptimize(field);
  }
}
BENCHMARK(received_field);

}  // namespace
}  // namespace ringpost::smtp
