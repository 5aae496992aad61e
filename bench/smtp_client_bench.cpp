// The client's side of SMTP: stuffing dots, reading replies, a whole pipelined message.
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "proto/base/check.h"
#include "proto/smtp/client_session.h"
#include "proto/smtp/data_encoder.h"

namespace ringpost::smtp {
namespace {

// Lines of `line` octets, CRLF included; every `dotted`th begins with a dot (0: none does).
std::string content_of(std::size_t octets, std::size_t line, std::size_t dotted) {
  std::string text;
  for (std::size_t number = 1; text.size() < octets; ++number) {
    const bool dot = dotted > 0 && number % dotted == 0;
    text += std::string(1, dot ? '.' : 'a') + std::string(line - 3, 'x') + "\r\n";
  }
  return text;
}

void data_encoding(benchmark::State& state) {
  const std::string content = content_of(65'536, 78, static_cast<std::size_t>(state.range(0)));
  std::vector<Bytes> pieces;
  for (auto _ : state) {
    DataEncoder encoder;
    pieces.clear();
    encoder.encode(bytes_of(content), pieces);
    encoder.finish(pieces);
    benchmark::DoNotOptimize(pieces.data());
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(content.size()));
}
BENCHMARK(data_encoding)->Arg(0)->Arg(50)->Arg(1);

void replies(benchmark::State& state) {
  constexpr std::string_view text =
      "250 2.1.0 Sender ok\r\n250 2.1.5 Recipient ok\r\n354 Go ahead\r\n";
  ReplyParser parser;
  for (auto _ : state) {
    for (Bytes rest = bytes_of(text); !rest.empty();) {
      rest = rest.subspan(parser.receive(rest));
      CHECK(parser.state() == ReplyParser::State::Complete);
    }
  }
  state.SetItemsProcessed(state.iterations() * 3);
}
BENCHMARK(replies);

// Everything the session does for one message to one recipient.
void pipelined_message(benchmark::State& state) {
  const ClientSettings settings;
  const OutgoingRecipient recipient{.path = "bob@mail.example"};
  const OutgoingMessage message{
      .sender = "alice@client.example", .recipients = {&recipient, 1}, .octets = 4096};
  ClientSession session(settings, Instant{});
  const auto hear = [&](std::string_view text) {
    for (Bytes rest = bytes_of(text);;) {
      while (const auto event = session.next_event())
        if (std::holds_alternative<ContentWanted>(*event)) session.content_sent(Instant{});
      if (rest.empty()) break;
      rest = rest.subspan(session.receive(rest, Instant{}));
    }
  };
  hear("220 mx\r\n250-mx\r\n250-SIZE 1000000\r\n250 PIPELINING\r\n");
  for (auto _ : state) {
    session.begin(message, Instant{});
    session.transmitted(session.transmit().size());
    hear("250 2.1.0 Sender ok\r\n250 2.1.5 Recipient ok\r\n354 Go ahead\r\n");
    hear("250 2.0.0 Ok: queued as 0123456789abcdef\r\n");
  }
  CHECK(!session.ended());
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(pipelined_message);

// LMTP: one message to as many recipients as the argument says, a final reply for each.
void lmtp_message(benchmark::State& state) {
  ClientSettings settings;
  settings.lmtp = true;
  const std::vector<OutgoingRecipient> recipients(static_cast<std::size_t>(state.range(0)),
                                                  {.path = "bob"});
  const OutgoingMessage message{
      .sender = "alice@client.example", .recipients = recipients, .octets = 4096};
  ClientSession session(settings, Instant{});
  const auto hear = [&](std::string_view text) {
    for (Bytes rest = bytes_of(text);;) {
      while (const auto event = session.next_event())
        if (std::holds_alternative<ContentWanted>(*event)) session.content_sent(Instant{});
      if (rest.empty()) break;
      rest = rest.subspan(session.receive(rest, Instant{}));
    }
  };
  std::string accepted = "250 2.1.0 Sender ok\r\n";
  std::string saved;
  for (std::size_t i = 0; i < recipients.size(); ++i) {
    accepted += "250 2.1.5 Recipient ok\r\n";
    saved += "250 2.0.0 <bob> Saved\r\n";
  }
  accepted += "354 Go ahead\r\n";
  hear("220 lmtp\r\n250-lmtp\r\n250-8BITMIME\r\n250 PIPELINING\r\n");
  for (auto _ : state) {
    session.begin(message, Instant{});
    session.transmitted(session.transmit().size());
    hear(accepted);
    hear(saved);
  }
  CHECK(!session.ended());
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(lmtp_message)->Arg(1)->Arg(10)->Arg(100);

}  // namespace
}  // namespace ringpost::smtp
