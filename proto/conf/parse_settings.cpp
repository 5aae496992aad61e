// The directives that set numbers and paths: smtp, queue, bounce, mta, mda, scheduler, srs, admd,
// and our own engine, spool and log. Every value has a range; the last of several settings counts,
// as in OpenSMTPD.
#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "proto/base/ascii.h"
#include "proto/conf/parser.h"

namespace ringpost::conf {
namespace {

constexpr Duration timeout_least = milliseconds(100);
constexpr Duration timeout_most = seconds(86'400);
constexpr Duration ttl_most = seconds(366LL * 86'400);
constexpr std::uint64_t message_octets_least = 64 << 10;  // RFC 5321 4.5.3.1.7
constexpr std::uint64_t message_octets_most = 1ULL << 32;
constexpr std::uint64_t segment_octets_least = 1ULL << 20;
constexpr std::uint64_t segment_octets_most = 1ULL << 30;
constexpr std::uint64_t free_octets_most = 1ULL << 50;
constexpr std::uint32_t count_most = 10'000'000;
constexpr unsigned warn_intervals_max = 4;

struct Count {
  std::string_view word;
  std::uint32_t SmtpSettings::* value;
};
struct Timeout {
  std::string_view word;
  Duration SmtpSettings::* value;
};

}  // namespace

bool Parser::parse_smtp() {
  if (take_keyword("limit")) return parse_smtp_limits();
  if (take_keyword("max-message-size")) {
    const auto size = expect_size("size", message_octets_least, message_octets_most);
    if (!size) return false;
    config_.smtp.message_octets_max = *size;
    return true;
  }
  if (at("ciphers")) {
    unsupported(token_.position, "\"smtp ciphers\"");
    advance();
    return expect_string("a list of ciphers").has_value();
  }
  if (take_keyword("sub-addr-delim")) {
    const auto text = expect_string("the delimiter of sub-addresses");
    if (!text) return false;
    const bool is_fine = text->text.size() == 1 && text->text[0] > ' ' && text->text[0] < 0x7f &&
                         text->text[0] != '@';
    if (!is_fine) error(text->position, "the delimiter is one printable character, not '@'");
    if (is_fine) config_.smtp.sub_address_delimiter = text->text[0];
    return true;
  }
  if (take_word("bare-newline")) {
    if (take_word("refuse")) {
      config_.smtp.bare_newline = BareNewline::Refuse;
    } else if (take_word("keep")) {
      config_.smtp.bare_newline = BareNewline::Keep;
    } else {
      return expected("refuse or keep");
    }
    return true;
  }
  return expected("limit, max-message-size, sub-addr-delim, ciphers or bare-newline");
}

// KEY VALUE, as often as wanted.
bool Parser::parse_smtp_limits() {
  static constexpr std::array counts = std::to_array<Count>({
      {"max-mails", &SmtpSettings::messages_per_session_max},
      {"max-rcpt", &SmtpSettings::recipients_per_message_max},
      {"max-connections", &SmtpSettings::connections_max},
      {"max-connections-per-address", &SmtpSettings::connections_per_address_max},
      {"max-errors", &SmtpSettings::errors_per_session_max},
  });
  static constexpr std::array timeouts = std::to_array<Timeout>({
      {"idle-timeout", &SmtpSettings::idle_timeout},
      {"session-timeout", &SmtpSettings::session_timeout},
  });
  while (token_.is_string()) {
    const Token key = token_;
    const auto count = std::ranges::find(counts, key.text, &Count::word);
    const auto timeout = std::ranges::find(timeouts, key.text, &Timeout::word);
    if (count == counts.end() && timeout == timeouts.end()) {
      return expected(
          "max-mails, max-rcpt, max-connections, max-connections-per-address, "
          "max-errors, idle-timeout or session-timeout");
    }
    advance();
    if (count != counts.end()) {
      if (!parse_count(key.text, config_.smtp.*count->value, count_most)) return false;
      continue;
    }
    const auto delay = expect_delay(key.text, timeout_least, timeout_most);
    if (!delay) return false;
    config_.smtp.*timeout->value = *delay;
  }
  return true;
}

bool Parser::parse_count(std::string_view what, std::uint32_t& value, std::uint32_t most) {
  const Position position = token_.position;
  const auto number = expect_number(fmt::format("a number for \"{}\"", what));
  if (!number) return false;
  if (*number < 1 || *number > most) {
    error(position, fmt::format("\"{}\" {} is out of range: 1 to {}", what, *number, most));
    return true;
  }
  value = static_cast<std::uint32_t>(*number);
  return true;
}

bool Parser::parse_queue() {
  if (take_keyword("ttl")) {
    const auto ttl = expect_delay("ttl", seconds(1), ttl_most);
    if (!ttl) return false;
    config_.queue.ttl = *ttl;
    return true;
  }
  if (take_word("retry-interval")) {
    const auto interval = expect_delay("retry-interval", milliseconds(10), timeout_most);
    if (!interval) return false;
    config_.queue.retry_interval = *interval;
    return true;
  }
  if (at("compression")) {
    unsupported(token_.position, "\"queue compression\"");
    advance();
    return true;
  }
  if (at("encryption")) {
    unsupported(token_.position, "\"queue encryption\"");
    advance();
    if (token_.is_string()) advance();
    return true;
  }
  return expected("ttl, retry-interval, compression or encryption");
}

bool Parser::parse_bounce() {
  const Position position = token_.position;
  if (!expect_keyword("warn-interval")) return false;
  unsupported(position, "\"bounce warn-interval\"");
  unsigned count = 0;
  do {
    if (!expect_delay("interval", seconds(1), ttl_most)) return false;
    if (++count == warn_intervals_max + 1) {
      error(position, fmt::format("more than {} intervals", warn_intervals_max));
    }
  } while (take_symbol(','));
  return true;
}

bool Parser::parse_admd() {
  const auto name = expect_string("an authserv-id");
  if (!name) return false;
  if (std::ranges::any_of(name->text,
                          [](char c) { return ascii::is_control(c) || ascii::is_high(c); })) {
    error(name->position, "not a valid authserv-id");
  }
  unsupported(name->position, "\"admd\"");
  return true;
}

bool Parser::parse_srs() {
  unsupported(token_.position, "\"srs\"");
  if (take_keyword("key")) {
    has_srs_key_ = true;
    take_keyword("backup");
    return expect_string("a secret").has_value();
  }
  if (take_keyword("ttl")) return expect_delay("ttl", seconds(86'400), ttl_most).has_value();
  return expected("key or ttl");
}

// KEY NUMBER, each KEY one of `words`.
bool Parser::parse_known_limits(std::span<const std::string_view> words, std::string_view what) {
  while (token_.is_string()) {
    if (std::ranges::find(words, token_.text) == words.end()) {
      return expected(fmt::format("a limit of {}", what));
    }
    const std::string key = token_.text;
    advance();
    if (!expect_number(fmt::format("a number for \"{}\"", key))) return false;
  }
  return true;
}

bool Parser::parse_mta() {
  static constexpr std::array words = std::to_array<std::string_view>({
      "max-conn-per-host",   "max-conn-per-route",
      "max-conn-per-source", "max-conn-per-connector",
      "max-conn-per-relay",  "max-conn-per-domain",
      "conndelay-host",      "conndelay-route",
      "conndelay-source",    "conndelay-connector",
      "conndelay-relay",     "conndelay-domain",
      "conn-delay-host",     "conn-delay-route",
      "conn-delay-source",   "conn-delay-connector",
      "conn-delay-relay",    "conn-delay-domain",
      "discdelay-route",     "reconn-delay-route",
      "session-mail-max",    "session-transaction-delay",
      "session-keepalive",   "max-failures-per-session",
      "task-hiwat",          "task-lowat",
      "task-release",
  });
  unsupported(token_.position, "\"mta\"");
  if (take_keyword("max-deferred")) return expect_number("a number").has_value();
  if (!take_keyword("limit")) return expected("limit or max-deferred");
  if (take_keyword("for")) {
    if (!expect_keyword("domain") || !expect_string("a domain")) return false;
  }
  for (;;) {
    if (take_keyword("inet4") || take_keyword("inet6")) continue;
    if (!token_.is_string()) return true;
    if (!parse_known_limits(words, "mta")) return false;
  }
}

bool Parser::parse_mda() {
  if (at("wrapper")) {
    unsupported(token_.position, "\"mda wrapper\"");
    advance();
    const auto name = expect_string("the name of a wrapper");
    if (!name) return false;
    if (!wrappers_.insert(name->text).second) {
      error(name->position, fmt::format("mda wrapper \"{}\" is already declared", name->text));
    }
    return expect_string("a command").has_value();
  }
  if (!take_keyword("limit")) return expected("limit or wrapper");
  static constexpr std::array words = std::to_array<std::string_view>(
      {"max-session-per-user", "task-lowat", "task-hiwat", "task-release"});
  while (token_.is_string()) {
    if (take_word("max-session")) {
      if (!parse_count("max-session", config_.engine.deliveries_max, count_most)) return false;
      continue;
    }
    const Token key = token_;
    if (std::ranges::find(words, key.text) == words.end()) return expected("a limit of mda");
    unsupported(key.position, fmt::format("\"mda limit {}\"", key.text));
    advance();
    if (!expect_number(fmt::format("a number for \"{}\"", key.text))) return false;
  }
  return true;
}

bool Parser::parse_scheduler() {
  static constexpr std::array words = std::to_array<std::string_view>(
      {"max-inflight", "max-evp-batch-size", "max-msg-batch-size", "max-schedule"});
  unsupported(token_.position, "\"scheduler limit\"");
  return expect_keyword("limit") && parse_known_limits(words, "scheduler");
}

bool Parser::parse_engine() {
  if (take_word("cores")) return parse_count("cores", config_.engine.cores, cores_max);
  if (take_keyword("user")) {
    auto user = expect_string("a user name");
    if (user) config_.engine.user = std::move(user->text);
    return user.has_value();
  }
  return expected("cores or user");
}

bool Parser::parse_spool() {
  SpoolSettings& spool = config_.spool;
  if (take_word("path")) {
    auto path = expect_path("the folder of the spool");
    if (path) spool.path = std::move(*path);
    return path.has_value();
  }
  if (take_word("segments-ready")) return parse_count("segments-ready", spool.segments_ready, 1024);
  const Position position = token_.position;
  if (take_word("segment-size")) {
    const auto size = expect_size("size", segment_octets_least, segment_octets_most);
    if (!size) return false;
    if (*size % segment_octets_least != 0) error(position, "the size is not a multiple of 1M");
    spool.segment_octets = *size;
    return true;
  }
  if (take_word("min-free")) {
    const auto size = expect_size("size", 0, free_octets_most);
    if (!size) return false;
    spool.free_octets_min = *size;
    return true;
  }
  return expected("path, segment-size, segments-ready or min-free");
}

bool Parser::parse_log() {
  auto path = expect_path("the path of the log file");
  if (path) config_.engine.log_path = std::move(*path);
  return path.has_value();
}

}  // namespace ringpost::conf
