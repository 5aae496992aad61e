// The options as one table; see options.h.
#include "tools/load/options.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "proto/base/ascii.h"
#include "proto/smtp/path.h"
#include "tools/load/content.h"

namespace ringpost::load {
namespace {

constexpr std::string_view usage =
    R"(usage: ringpost-load [source] [options] HOST:PORT
       ringpost-load sink [options] ADDR:PORT | FIRST-LAST:PORT ...

source: sends generated messages to a server on this machine
  -c, --connections N    connections open at the same time (20)
  -m, --messages-per-connection N   messages before QUIT (10)
  -n, --messages N       messages in all (connections times messages per connection)
  -s, --size SIZE        octets of each message, such as 4096, 4k or 1m (4096)
  --sizes S:W[,S:W...]   sizes with weights, such as 2k:60,16k:30,1m:10
  --message FILE         send this message, the same each time, instead of generated ones
  -t, --threads N        threads, each with its own ring (1)
  --pipeline | --no-pipeline | --bdat
                         MAIL, RCPT and DATA together (the default); one by one; BDAT
  --one-per-connection   the same as -m 1
  --tls | --starttls     through TLS, from the first octet or by STARTTLS; any certificate is taken
  --no-resumption        every handshake a full one
  --from ADDRESS         envelope sender; empty for the null path
  --to ADDRESS           envelope recipient; %d becomes a counter
  --seconds N            stop after N seconds
  --rate N               messages per second in all, instead of as fast as possible
  --idle N               open N sessions, say EHLO and hold them until the end
  --patience N           give up when no connection succeeds for N seconds (5)
  --ledger FILE          append the id of each acknowledged message to FILE
  --json                 one JSON object instead of a line
sink: takes mail and throws it away; -t, --seconds and --json as above, and
  --listen ADDR:PORT | FIRST-LAST:PORT
                         listen here too; a range is all its IPv4 addresses
  --script FILE          answer as the rules of FILE say, see ringpost-load(1)
  --announce KEYWORDS    announce these of PIPELINING, SIZE, SIZE=N, 8BITMIME, SMTPUTF8,
                         DSN, CHUNKING (all of them), with commas between; none for none
  --lmtp                 speak LMTP
  --tls | --starttls     TLS from the first octet, or offer STARTTLS; needs
  --certificate FILE --key FILE
                         a chain and its private key, in PEM
  --ledger FILE          append the id and the recipient of what was taken to FILE
SIGUSR1 prints what was counted so far
exit status: 0 all messages were taken, 1 some were not, 2 wrong usage
)";

constexpr std::uint64_t threads_max = 64;
constexpr std::uint64_t connections_max = 60'000;
constexpr std::uint64_t seconds_max = 7 * 86'400;
constexpr std::uint64_t message_octets_max = 1ull << 30;

std::optional<std::uint64_t> number(std::string_view text, std::uint64_t least,
                                    std::uint64_t most) {
  const auto value = ascii::parse_decimal(text);
  if (!value || *value < least || *value > most) return std::nullopt;
  return value;
}

template <class Target>
bool take_number(Target& target, std::string_view text, std::uint64_t least, std::uint64_t most) {
  const auto value = number(text, least, most);
  if (value) target = static_cast<Target>(*value);
  return value.has_value();
}

bool take_seconds(Duration& target, std::string_view text) {
  const auto value = number(text, 1, seconds_max);
  if (value) target = seconds(static_cast<std::int64_t>(*value));
  return value.has_value();
}

// "4096", "4k" or "1m".
std::optional<std::uint64_t> size_of(std::string_view text) {
  unsigned shift = 0;
  if (!text.empty() && ascii::to_lower(text.back()) == 'k') shift = 10;
  if (!text.empty() && ascii::to_lower(text.back()) == 'm') shift = 20;
  if (shift > 0) text.remove_suffix(1);
  const auto value = number(text, 1, message_octets_max >> shift);
  if (!value || *value << shift < message_octets_min) return std::nullopt;
  return *value << shift;
}

bool take_size(Options& options, std::string_view text) {
  const auto octets = size_of(text);
  if (octets) options.sizes = {{.octets = *octets, .weight = 1}};
  return octets.has_value();
}

bool take_sizes(Options& options, std::string_view text) {
  constexpr std::size_t sizes_max = 64;
  std::vector<SizeShare> sizes;
  if (text.ends_with(',')) return false;
  while (!text.empty() && sizes.size() < sizes_max) {
    const std::string_view item = text.substr(0, text.find(','));
    text.remove_prefix(std::min(item.size() + 1, text.size()));
    const std::size_t colon = std::min(item.find(':'), item.size());
    const auto octets = size_of(item.substr(0, colon));
    const auto weight = number(item.substr(std::min(colon + 1, item.size())), 1, 1'000'000);
    if (!octets || !weight) return false;
    sizes.push_back({*octets, static_cast<std::uint32_t>(*weight)});
  }
  if (sizes.empty() || !text.empty()) return false;
  options.sizes = std::move(sizes);
  return true;
}

// The address, checked as the server would: with a number for each "%d".
bool take_recipient(Options& options, std::string_view text) {
  options.recipient = text;
  return smtp::parse_forward_path(numbered_recipient(text, 0)).has_value();
}

bool take_listen(Options& options, std::string_view text) {
  const auto addresses = parse_listen(text);
  if (!addresses || options.listen.size() + addresses->size() > listen_addresses_max) return false;
  options.listen.insert(options.listen.end(), addresses->begin(), addresses->end());
  return true;
}

bool take_announce(Options& options, std::string_view text) {
  const auto announced = parse_announce(text);
  if (announced) options.announced = *announced;
  return announced.has_value();
}

// What is wrong with an argument that take_listen() or take_announce() would not take.
std::string why_not_listen(std::string_view text) {
  const auto addresses = parse_listen(text);
  return addresses ? fmt::format("'{}' makes more than {} addresses", text, listen_addresses_max)
                   : addresses.error();
}

std::string why_not_announce(std::string_view text) { return parse_announce(text).error(); }

struct Option {
  std::string_view name;
  std::string_view letter;
  bool takes_value;
  bool in_source;
  bool in_sink;
  bool (*take)(Options& options, std::string_view value);
  std::string (*why_not)(std::string_view value) = nullptr;  // where that needs more words
};

using Value = std::string_view;

constexpr std::array option_table{
    Option{"--connections", "-c", true, true, false,
           [](Options& o, Value v) { return take_number(o.connections, v, 1, connections_max); }},
    Option{"--messages-per-connection", "-m", true, true, false,
           [](Options& o, Value v) {
             return take_number(o.messages_per_connection, v, 1, UINT32_MAX);
           }},
    Option{"--messages", "-n", true, true, false,
           [](Options& o, Value v) {
             o.messages = number(v, 1, UINT32_MAX);
             return o.messages.has_value();
           }},
    Option{"--size", "-s", true, true, false, take_size},
    Option{"--sizes", "", true, true, false, take_sizes},
    Option{"--message", "", true, true, false,
           [](Options& o, Value v) {
             o.message_file = v;
             return !v.empty();
           }},
    Option{"--threads", "-t", true, true, true,
           [](Options& o, Value v) { return take_number(o.threads, v, 1, threads_max); }},
    Option{"--pipeline", "", false, true, false,
           [](Options& o, Value) {
             o.chunking = false;
             return o.pipelining = true;
           }},
    Option{"--no-pipeline", "", false, true, false,
           [](Options& o, Value) {
             o.chunking = o.pipelining = false;
             return true;
           }},
    Option{"--bdat", "", false, true, false,
           [](Options& o, Value) { return o.pipelining = o.chunking = true; }},
    Option{"--one-per-connection", "", false, true, false,
           [](Options& o, Value) {
             o.messages_per_connection = 1;
             return true;
           }},
    Option{"--tls", "", false, true, true,
           [](Options& o, Value) {
             o.encryption = Encryption::Implicit;
             return true;
           }},
    Option{"--starttls", "", false, true, true,
           [](Options& o, Value) {
             o.encryption = Encryption::StartTls;
             return true;
           }},
    Option{"--no-resumption", "", false, true, false,
           [](Options& o, Value) {
             o.resumption = false;
             return true;
           }},
    Option{"--from", "", true, true, false,
           [](Options& o, Value v) {
             o.sender = v;
             return smtp::parse_reverse_path(v).has_value();
           }},
    Option{"--to", "", true, true, false, take_recipient},
    Option{"--seconds", "", true, true, true,
           [](Options& o, Value v) { return take_seconds(o.run_time, v); }},
    Option{
        "--rate", "", true, true, false,
        [](Options& o, Value v) { return take_number(o.messages_per_second, v, 1, 10'000'000); }},
    Option{"--idle", "", true, true, false,
           [](Options& o, Value v) { return take_number(o.idle_sessions, v, 1, connections_max); }},
    Option{"--patience", "", true, true, false,
           [](Options& o, Value v) { return take_seconds(o.patience, v); }},
    Option{"--ledger", "", true, true, true,
           [](Options& o, Value v) {
             o.ledger = v;
             return !v.empty();
           }},
    Option{"--json", "", false, true, true, [](Options& o, Value) { return o.json = true; }},
    Option{"--listen", "", true, false, true, take_listen, why_not_listen},
    Option{"--certificate", "", true, false, true,
           [](Options& o, Value v) {
             o.certificate = v;
             return !v.empty();
           }},
    Option{"--key", "", true, false, true,
           [](Options& o, Value v) {
             o.key = v;
             return !v.empty();
           }},
    Option{"--announce", "", true, false, true, take_announce, why_not_announce},
    Option{"--lmtp", "", false, false, true, [](Options& o, Value) { return o.lmtp = true; }},
    Option{"--script", "", true, false, true,
           [](Options& o, Value v) {
             o.script = v;
             return !v.empty();
           }},
};

std::unexpected<UsageText> wrong(std::string_view what) {
  return std::unexpected(UsageText{fmt::format("ringpost-load: {}; see --help\n", what), true});
}

// Reads the words of one command line from the left.
class Reader {
 public:
  explicit Reader(std::span<const std::string_view> words) : words_(words) {}

  std::expected<Options, UsageText> read() {
    take_mode();
    while (at_ < words_.size()) {
      const std::string_view word = words_[at_++];
      if (word == "-h" || word == "--help")
        return std::unexpected(UsageText{std::string(usage), false});
      const auto problem = word.starts_with('-') ? take_option(word) : take_target(word);
      if (!problem.empty()) return wrong(problem);
    }
    if (!has_target_ && options_.listen.empty()) return wrong("HOST:PORT is missing");
    if (options_.idle_sessions > 0 && options_.messages)
      return wrong("--idle sends no messages, so --messages has no meaning with it");
    if (!options_.message_file.empty() && !options_.ledger.empty())
      return wrong("--ledger needs ids, which the message of --message does not have");
    const bool is_secure_sink =
        options_.mode == Mode::Sink && options_.encryption != Encryption::None;
    if (is_secure_sink && (options_.certificate.empty() || options_.key.empty()))
      return wrong("a sink with TLS needs --certificate and --key");
    return options_;
  }

 private:
  void take_mode() {
    if (words_.empty() || (words_[0] != "source" && words_[0] != "sink")) return;
    options_.mode = words_[0] == "sink" ? Mode::Sink : Mode::Source;
    ++at_;
  }

  std::string take_target(std::string_view word) {
    if (options_.mode == Mode::Sink)
      return take_listen(options_, word) ? std::string() : why_not_listen(word);
    if (has_target_) return fmt::format("'{}' is one argument too many", word);
    const auto address = parse_target(word);
    if (!address) return address.error();
    options_.target = *address;
    has_target_ = true;
    return {};
  }

  std::string take_option(std::string_view word) {
    const std::string_view name = word.substr(0, word.find('='));
    const auto option = std::ranges::find_if(option_table, [name](const Option& candidate) {
      return name == candidate.name || name == candidate.letter;
    });
    if (option == option_table.end()) return fmt::format("there is no option '{}'", word);
    if (options_.mode == Mode::Sink ? !option->in_sink : !option->in_source)
      return fmt::format("'{}' has no meaning for a {}", name,
                         options_.mode == Mode::Sink ? "sink" : "source");
    const bool joined = name.size() < word.size();
    std::string_view value;
    if (joined) value = word.substr(name.size() + 1);
    if (joined && !option->takes_value) return fmt::format("'{}' takes no value", name);
    if (option->takes_value && !joined) {
      if (at_ == words_.size()) return fmt::format("'{}' needs a value", name);
      value = words_[at_++];
    }
    if (option->take(options_, value)) return {};
    if (option->why_not != nullptr) return fmt::format("{}: {}", name, option->why_not(value));
    return fmt::format("'{}' cannot be '{}'", name, value);
  }

  std::span<const std::string_view> words_;
  std::size_t at_ = 0;
  Options options_;
  bool has_target_ = false;
};

}  // namespace

std::expected<Options, UsageText> parse_options(std::span<const std::string_view> arguments) {
  return Reader(arguments).read();
}

}  // namespace ringpost::load
