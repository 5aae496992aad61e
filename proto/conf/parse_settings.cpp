// The directives that set numbers and paths: smtp, queue, bounce, mta, mda, scheduler, srs, admd,
// and our own engine, spool, log and resolver. Every value has a range: outside of it a directive
// of ours is an error, one of OpenSMTPD's is brought inside with a warning. The last of several
// settings counts.
#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include "proto/base/ascii.h"
#include "proto/conf/parser.h"

namespace ringpost::conf {
namespace {

constexpr Duration timeout_least = milliseconds(100);
constexpr Duration timeout_most = seconds(86'400);
constexpr std::uint64_t message_octets_least = 64 << 10;  // RFC 5321 4.5.3.1.7
constexpr std::uint64_t message_octets_most = 1ULL << 32;
constexpr std::uint64_t segment_octets_least = 1ULL << 20;
constexpr std::uint64_t segment_octets_most = 1ULL << 30;
constexpr std::uint64_t decisions_octets_least = 1ULL << 20;
constexpr std::uint64_t decisions_octets_most = 1ULL << 40;
constexpr std::uint64_t free_octets_most = 1ULL << 50;
constexpr std::uint32_t count_most = 10'000'000;
constexpr std::size_t warn_intervals_max = 4;
constexpr std::size_t encryption_key_octets = 32;

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
    const Position position = token_.position;
    const auto size = expect_size("size", 0, std::numeric_limits<std::uint64_t>::max());
    if (!size) return false;
    config_.smtp.message_octets_max = std::clamp(*size, message_octets_least, message_octets_most);
    if (config_.smtp.message_octets_max != *size) {
      warning(position, fmt::format("the size is out of range ({} to {} octets): {} is used",
                                    message_octets_least, message_octets_most,
                                    config_.smtp.message_octets_max));
    }
    return true;
  }
  if (take_keyword("ciphers")) {
    auto ciphers = expect_string("a list of ciphers");
    if (ciphers) config_.ciphers = std::move(ciphers->text);
    return ciphers.has_value();
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
      {"max-auth-failures-per-address", &SmtpSettings::auth_failures_per_address_max},
      {"max-auth-failures-per-account", &SmtpSettings::auth_failures_per_account_max},
  });
  static constexpr std::array timeouts = std::to_array<Timeout>({
      {"idle-timeout", &SmtpSettings::idle_timeout},
      {"session-timeout", &SmtpSettings::session_timeout},
      {"auth-failure-window", &SmtpSettings::auth_failure_window},
  });
  while (token_.is_string()) {
    const Token key = token_;
    const auto count = std::ranges::find(counts, key.text, &Count::word);
    const auto timeout = std::ranges::find(timeouts, key.text, &Timeout::word);
    if (count == counts.end() && timeout == timeouts.end()) {
      return expected(
          "max-mails, max-rcpt, max-connections, max-connections-per-address, "
          "max-errors, max-auth-failures-per-address, max-auth-failures-per-account, idle-timeout, "
          "session-timeout or auth-failure-window");
    }
    advance();
    if (count != counts.end()) {
      std::uint32_t& value = config_.smtp.*count->value;
      const bool is_ours = key.text != "max-mails" && key.text != "max-rcpt";
      const bool goes_on = is_ours ? parse_count(key.text, value, count_most)
                                   : parse_upstream_count(key.text, value);
      if (!goes_on) return false;
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

// A number as OpenSMTPD takes it: any.
bool Parser::parse_upstream_count(std::string_view what, std::uint32_t& value) {
  const Position position = token_.position;
  const auto number = expect_number(fmt::format("a number for \"{}\"", what));
  if (!number) return false;
  value = static_cast<std::uint32_t>(std::clamp<std::int64_t>(*number, 1, count_most));
  if (value != *number) {
    warning(position, fmt::format("\"{}\" {} is out of range: {} is used", what, *number, value));
  }
  return true;
}

bool Parser::parse_queue() {
  if (take_keyword("ttl")) {
    const auto ttl = expect_delay("ttl", seconds(1), delay_most);
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
    warning(token_.position, "the spool is not compressed: this has no effect");
    config_.queue.compression = true;
    advance();
    return true;
  }
  if (!at("encryption")) return expected("ttl, retry-interval, compression or encryption");
  unsupported(token_.position, "\"queue encryption\"");
  config_.queue.encryption = true;
  advance();
  if (!token_.is_string()) return true;
  const bool is_asked_for = token_.text == "-" || ascii::equal_ignoring_case(token_.text, "stdin");
  if (!is_asked_for && token_.text.size() != encryption_key_octets) {
    error(token_.position, fmt::format("the key is not {} octets long", encryption_key_octets));
  }
  config_.queue.encryption_key = is_asked_for ? "stdin" : token_.text;
  advance();
  return true;
}

bool Parser::parse_bounce() {
  const Position position = token_.position;
  if (!expect_keyword("warn-interval")) return false;
  std::vector<Duration>& intervals = config_.queue.warn_after;
  intervals.clear();
  do {
    const auto interval = expect_delay("interval", seconds(1), delay_most);
    if (!interval) return false;
    intervals.push_back(*interval);
  } while (take_symbol(','));
  if (intervals.size() <= warn_intervals_max) return true;
  intervals.resize(warn_intervals_max);
  warning(position, fmt::format("only the first {} intervals count", warn_intervals_max));
  return true;
}

bool Parser::parse_admd() {
  auto name = expect_string("an authserv-id");
  if (!name) return false;
  if (std::ranges::any_of(name->text,
                          [](char c) { return ascii::is_control(c) || ascii::is_high(c); })) {
    error(name->position, "not a valid authserv-id");
  }
  config_.admd = std::move(name->text);
  return true;
}

bool Parser::parse_srs() {
  SrsSettings& srs = config_.srs;
  if (take_keyword("key")) {
    std::string& key = take_keyword("backup") ? srs.backup_key : srs.key;
    auto secret = expect_string("a secret");
    if (!secret) return false;
    if (secret->text.empty()) warning(secret->position, "the secret is empty");
    key = std::move(secret->text);
    return true;
  }
  if (!take_keyword("ttl")) return expected("key or ttl");
  const auto ttl = expect_delay("ttl", seconds(86'400), delay_most);
  if (ttl) srs.ttl = *ttl;
  return ttl.has_value();
}

// KEY NUMBER, each KEY one of `words`.
bool Parser::parse_known_limits(std::span<const std::string_view> words, std::string_view what,
                                std::string_view domain, std::vector<NamedLimit>& limits) {
  while (token_.is_string()) {
    if (std::ranges::find(words, token_.text) == words.end()) {
      return expected(fmt::format("a limit of {}", what));
    }
    std::string key = token_.text;
    advance();
    const auto number = expect_number(fmt::format("a number for \"{}\"", key));
    if (!number) return false;
    limits.push_back({std::string(domain), std::move(key), *number});
  }
  return true;
}

bool Parser::parse_mta() {
  static constexpr std::array words = std::to_array<std::string_view>({
      "max-conn-per-host",
      "max-conn-per-route",
      "max-conn-per-source",
      "max-conn-per-connector",
      "max-conn-per-relay",
      "max-conn-per-domain",
      "conn-delay-host",
      "conn-delay-route",
      "conn-delay-source",
      "conn-delay-connector",
      "conn-delay-relay",
      "conn-delay-domain",
      "reconn-delay-route",
      "session-mail-max",
      "session-transaction-delay",
      "session-keepalive",
      "max-failures-per-session",
      "task-hiwat",
      "task-lowat",
      "task-release",
  });
  MtaSettings& mta = config_.mta;
  if (take_keyword("max-deferred")) {
    mta.deferred_max = expect_number("a number");
    return mta.deferred_max.has_value();
  }
  if (!take_keyword("limit")) return expected("limit or max-deferred");
  std::string domain;
  if (take_keyword("for")) {
    if (!expect_keyword("domain")) return false;
    auto name = expect_string("a domain");
    if (!name) return false;
    domain = std::move(name->text);
  }
  for (;;) {
    if (at("inet4") || at("inet6")) {
      mta.families.emplace_back(domain, at("inet4") ? Family::Inet4 : Family::Inet6);
      advance();
    } else if (!token_.is_string()) {
      return true;
    } else if (!parse_known_limits(words, "mta", domain, mta.limits)) {
      return false;
    }
  }
}

bool Parser::parse_wrapper() {
  const auto name = expect_string("the name of a wrapper");
  if (!name) return false;
  if (wrappers_.contains(name->text)) {
    error(name->position, fmt::format("mda wrapper \"{}\" is already declared", name->text));
  }
  auto command = parse_command("a command");
  if (!command) return false;
  config_.wrappers.push_back(
      std::make_unique<MdaWrapper>(MdaWrapper{name->text, std::move(*command)}));
  wrappers_.try_emplace(name->text, config_.wrappers.back().get());
  return true;
}

bool Parser::parse_mda() {
  if (take_keyword("wrapper")) return parse_wrapper();
  if (!take_keyword("limit")) return expected("limit or wrapper");
  static constexpr std::array without_effect =
      std::to_array<std::string_view>({"task-lowat", "task-hiwat", "task-release"});
  while (token_.is_string()) {
    const Token key = token_;
    advance();
    EngineSettings& engine = config_.engine;
    if (key.text == "max-session" || key.text == "max-session-per-user") {
      const bool per_user = key.text != "max-session";
      if (!parse_upstream_count(key.text,
                                per_user ? engine.deliveries_per_user_max : engine.deliveries_max))
        return false;
    } else if (key.text == "command-seconds") {
      const auto count = expect_number("seconds");
      if (!count) return false;
      if (*count == 0 || *count > command_seconds_most) {
        error(key.position,
              fmt::format("a command may take from 1 to {} seconds", command_seconds_most));
      } else {
        engine.command_seconds_max = static_cast<std::uint32_t>(*count);
      }
    } else if (std::ranges::find(without_effect, key.text) != without_effect.end()) {
      warning(key.position, fmt::format("\"{}\" has no effect here", key.text));
      if (!expect_number(fmt::format("a number for \"{}\"", key.text))) return false;
    } else {
      error(key.position, fmt::format("unknown limit of mda {}", describe(key)));
      return false;
    }
  }
  return true;
}

bool Parser::parse_scheduler() {
  static constexpr std::array words = std::to_array<std::string_view>(
      {"max-inflight", "max-evp-batch-size", "max-msg-batch-size", "max-schedule"});
  if (!expect_keyword("limit")) return false;
  const Position position = token_.position;
  if (!parse_known_limits(words, "scheduler", {}, config_.scheduler_limits)) return false;
  if (!config_.scheduler_limits.empty()) {
    warning(position, "limits of the scheduler have no effect here");
  }
  return true;
}

bool Parser::parse_engine() {
  if (take_word("cores")) return parse_count("cores", config_.engine.cores, cores_max);
  if (take_keyword("user")) {
    auto user = expect_string("a user name");
    if (user) config_.engine.user = std::move(user->text);
    return user.has_value();
  }
  if (take_word("keys-user")) {
    auto user = expect_string("a user name");
    if (user) config_.engine.keys_user = std::move(user->text);
    return user.has_value();
  }
  return expected("cores, user or keys-user");
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
  if (take_word("decisions")) {
    const auto size = expect_size("size", decisions_octets_least, decisions_octets_most);
    if (size) spool.decisions_octets = *size;
    return size.has_value();
  }
  return expected("path, segment-size, segments-ready, min-free or decisions");
}

// ADDRESS[:PORT]... and options. A second directive replaces the first.
bool Parser::parse_resolver() {
  dns::ResolverSettings& settings = config_.resolver;
  settings = {};
  bool trusts_all = false;
  bool any = false;
  while (token_.is_string()) {
    if (take_word("trust-ad")) {
      trusts_all = true;
    } else if (take_word("timeout")) {
      const auto timeout = expect_delay("a delay", timeout_least, dns::server_timeout_max);
      if (!timeout) return false;
      settings.timeout = *timeout;
    } else if (take_word("attempts")) {
      std::uint32_t attempts = 0;
      if (!parse_count("attempts", attempts, dns::server_attempts_max)) return false;
      settings.attempts = attempts;
    } else {
      const Token text = token_;
      any = true;
      advance();
      const auto server = dns::parse_server(text.text);
      if (!server) error(text.position, fmt::format("{} is no IP address", describe(text)));
      if (server) settings.servers.push_back(*server);
      if (settings.servers.size() > dns::servers_max) {
        error(text.position, fmt::format("more than {} servers", dns::servers_max));
        return false;
      }
    }
  }
  if (!any) return expected("the address of a DNS server");
  for (dns::ServerAddress& server : settings.servers) server.trusted |= trusts_all;
  return true;
}

bool Parser::parse_log() {
  auto path = expect_path("the path of the log file");
  if (path) config_.engine.log_path = std::move(*path);
  return path.has_value();
}

}  // namespace ringpost::conf
