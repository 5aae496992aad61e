// The command line of ringpost-load as a value. The operator's errors come back as text for stderr;
// only loopback addresses are taken: this is a tool to measure with, not to attack with.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/net/address.h"
#include "proto/base/clock.h"
#include "proto/smtp/announced.h"
#include "tools/load/script.h"
#include "tools/load/sink_options.h"

namespace ringpost::load {

class SinkEncryption;

enum class Mode : std::uint8_t { Source, Sink };

// From the first octet, or by STARTTLS.
enum class Encryption : std::uint8_t { None, Implicit, StartTls };

// One size of the distribution: chosen `weight` times out of the sum of all weights.
struct SizeShare {
  std::uint64_t octets = 4096;
  std::uint32_t weight = 1;

  bool operator==(const SizeShare&) const = default;
};

struct Options {
  Mode mode = Mode::Source;
  net::Address target;  // to connect to
  unsigned threads = 1;
  unsigned connections = 20;  // open at the same time, over all threads
  std::uint64_t messages_per_connection = 10;
  std::optional<std::uint64_t>
      messages;  // in all; without it connections x messages_per_connection
  std::vector<SizeShare> sizes{{}};
  std::string message_file;  // sent instead of generated messages
  std::string message;       // that was read from it, as Content takes it
  Encryption encryption = Encryption::None;
  bool resumption = true;  // of TLS sessions, each connection's own
  bool pipelining = true;
  bool chunking = false;
  std::string sender = "load@client.test";
  std::string recipient = "user@bench.test";  // "%d" becomes a counter
  Duration run_time{};                        // zero: until the messages are sent, or a signal
  std::uint64_t messages_per_second = 0;      // zero: as fast as the server takes them
  unsigned idle_sessions = 0;                 // open so many, say EHLO and hold them
  Duration patience = seconds(5);  // how long no connection may succeed before the run is given up
  std::string ledger;              // file for the ids of acknowledged messages
  bool json = false;

  // Of a sink.
  std::vector<net::Address> listen;
  smtp::Announced announced = announced_by_default;
  bool lmtp = false;
  std::string script;                            // file
  std::vector<Rule> rules;                       // that were read from it
  std::string certificate, key;                  // files
  std::shared_ptr<const SinkEncryption> keys{};  // that were read from them
};

// What is printed instead of running: an error (exit 2) or the help that was asked for (exit 0).
struct UsageText {
  std::string text;
  bool is_error = true;
};

std::expected<Options, UsageText> parse_options(std::span<const std::string_view> arguments);

}  // namespace ringpost::load
