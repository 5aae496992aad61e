// `filter NAME builtin KIND …`: filters that need no program. What the program filter-senderscore
// takes as flags stands here in one quoted text, as behind proc-exec; everything else is words as
// in the rest of smtpd.conf.
#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "proto/base/ascii.h"
#include "proto/conf/parser.h"
#include "proto/smtp/refusal.h"

namespace ringpost::conf {
namespace {

using filter::Phase;

constexpr std::string_view score_zone = "score.senderscore.com";
constexpr std::size_t zone_octets_max = 180;  // what an IPv6 address leaves of a name
constexpr std::size_t zones_max = 64;
constexpr int weight_most = 1'000;
constexpr std::int64_t slow_factor_most_ms = 600'000;
constexpr Duration timeout_least = milliseconds(50);
constexpr Duration timeout_most = seconds(30);
constexpr Duration greet_delay_most = seconds(120);  // RFC 5321 4.5.3.2.1: clients wait 5 minutes
constexpr Duration rate_period_most = seconds(30 * 86'400);

// Those of filter-senderscore.
constexpr std::array block_phases =
    std::to_array<Phase>({Phase::Connect, Phase::Helo, Phase::Ehlo, Phase::Starttls, Phase::Auth,
                          Phase::MailFrom, Phase::RcptTo, Phase::Quit});
constexpr std::array list_phases = std::to_array<Phase>(
    {Phase::Connect, Phase::Helo, Phase::Ehlo, Phase::MailFrom, Phase::RcptTo, Phase::Data});

std::vector<std::string> split(std::string_view text) {
  std::vector<std::string> words;
  while (true) {
    text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
    if (text.empty()) return words;
    const std::size_t end = std::min(text.find_first_of(" \t"), text.size());
    words.emplace_back(text.substr(0, end));
    text.remove_prefix(end);
  }
}

template <std::size_t size>
std::optional<Phase> phase_among(const std::array<Phase, size>& phases, std::string_view word) {
  const auto phase = filter::phase_of(word);
  if (!phase || std::ranges::find(phases, *phase) == phases.end()) return std::nullopt;
  return phase;
}

}  // namespace

bool Parser::parse_native(Filter& filter) {
  filter.kind = FilterKind::Native;
  if (take_word("senderscore")) return parse_sender_score(filter);
  if (take_word("dnsbl")) return parse_dns_lists(filter);
  if (take_word("greet-delay")) return parse_greet_delay(filter);
  if (take_word("rate")) return parse_rate(filter);
  return expected("senderscore, dnsbl, greet-delay or rate");
}

// The options that all of them have.
std::optional<bool> Parser::parse_lookup_option(const Table*& allowed, Duration& timeout,
                                                std::set<std::string>& seen) {
  if (!at_new_option(seen)) return false;
  if (take_word("allow")) {
    if (!parse_allowed(allowed)) return std::nullopt;
    return true;
  }
  if (!take_word("timeout")) return false;
  const auto given = expect_delay("timeout", timeout_least, timeout_most);
  if (!given) return std::nullopt;
  timeout = *given;
  return true;
}

bool Parser::parse_allowed(const Table*& allowed) {
  const Position position = token_.position;
  if (!parse_table_use(TableUse::Addresses, "allow", allowed)) return false;
  if (allowed != nullptr && allowed->backend() != TableBackend::Memory)
    error(position, "\"allow\" takes a table that is in memory");
  return true;
}

bool Parser::at_new_option(std::set<std::string>& seen) {
  if (token_.kind != TokenKind::Word && token_.kind != TokenKind::Keyword) return false;
  if (token_.text != "zone" && token_.text != "at" && !seen.insert(token_.text).second)
    error(token_.position, fmt::format("{} is given twice", describe(token_)));
  return true;
}

std::optional<dns::Name> Parser::expect_zone() {
  const auto text = expect_string("the name of a zone");
  if (!text) return std::nullopt;
  auto name = dns::Name::parse(text->text);
  if (name && name->is_plain() && name->wire().size() <= zone_octets_max) return name;
  error(text->position, fmt::format("{} is not the name of a zone", describe(*text)));
  return dns::Name();
}

// ["flags"] [zone NAME] [allow <table>] [timeout D]
bool Parser::parse_sender_score(Filter& filter) {
  SenderScoreSettings settings;
  settings.zone = *dns::Name::parse(score_zone);
  if (token_.kind == TokenKind::Quoted) {
    parse_score_flags(settings, token_);
    advance();
  }
  std::set<std::string> seen;
  for (;;) {
    const auto is_common = parse_lookup_option(settings.allowed, settings.timeout, seen);
    if (!is_common) return false;
    if (*is_common) continue;
    if (!take_word("zone")) break;
    auto zone = expect_zone();
    if (!zone) return false;
    settings.zone = std::move(*zone);
  }
  filter.native = std::move(settings);
  return true;
}

// The command of proc-exec may stay as it is: a word in front that is no flag is the program.
void Parser::parse_score_flags(SenderScoreSettings& settings, const Token& flags) {
  std::vector<std::string> words = split(flags.text);
  if (!words.empty() && !words.front().starts_with('-')) {
    if (!words.front().ends_with("filter-senderscore"))
      error(flags.position, fmt::format("\"{}\" is no flag of filter-senderscore", words.front()));
    words.erase(words.begin());
  }
  for (std::size_t i = 0; i < words.size(); ++i) {
    std::string_view word = words[i];
    if (!word.starts_with('-')) {
      error(flags.position, fmt::format("\"{}\" is no flag of filter-senderscore", word));
      return;
    }
    word.remove_prefix(word.starts_with("--") ? 2 : 1);
    const std::size_t sign = word.find('=');
    Flag flag{word.substr(0, sign), {}, flags.position};
    if (sign != word.npos) {
      flag.value = word.substr(sign + 1);
    } else if (flag.name == "scoreHeader") {
      flag.value = "true";
    } else if (i + 1 < words.size()) {
      flag.value = words[++i];
    }
    take_score_flag(settings, flag);
  }
}

void Parser::take_score_flag(SenderScoreSettings& settings, const Flag& flag) {
  const auto number = ascii::parse_decimal<std::int64_t>(flag.value);
  const bool is_off = flag.value == "-1";
  const auto wrong = [&] {
    error(flag.position, fmt::format("invalid -{} \"{}\"", flag.name, flag.value));
  };
  if (flag.name == "blockBelow" || flag.name == "junkBelow") {
    if (!is_off && (!number || *number > 101)) return wrong();
    const int value = is_off ? -1 : static_cast<int>(*number);
    (flag.name == "blockBelow" ? settings.block_below : settings.junk_below) = value;
  } else if (flag.name == "slowFactor") {
    if (!is_off && (!number || *number > slow_factor_most_ms)) return wrong();
    settings.slow_factor_ms = is_off ? -1 : *number;
  } else if (flag.name == "blockPhase") {
    const auto phase = phase_among(block_phases, flag.value);
    if (!phase) return wrong();
    settings.block_phase = *phase;
  } else if (flag.name == "scoreHeader") {
    if (flag.value != "true" && flag.value != "false") return wrong();
    settings.score_header = flag.value == "true";
  } else if (flag.name == "allowlist") {
    settings.allowed = load_address_list(flag.value, flag.position);
  } else {
    error(flag.position, fmt::format("\"-{}\" is no flag of filter-senderscore", flag.name));
  }
}

// A file with an address or a prefix on each line, which is no file of a table: IPv6 has colons.
const Table* Parser::load_address_list(const std::string& path, Position position) {
  auto content =
      path.starts_with('/') ? read_file_(path) : std::unexpected(Fault{"open", ENOENT, path});
  if (!content) {
    error(position, fmt::format("cannot read the list: {}", to_text(content.error())));
    return nullptr;
  }
  std::vector<TableRow> rows;
  std::string_view rest = *content;
  for (std::uint32_t line = 1; !rest.empty(); ++line) {
    std::string_view text = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(text.size() + 1, rest.size()));
    text = ascii::trim(text.substr(0, text.find('#')));
    if (!text.empty()) rows.push_back({.key = text, .value = {}, .line = line, .column = 1});
  }
  Table* const table =
      add_table(Table(fmt::format("<dynamic:{}>", tables_.size()), TableKind::List, rows),
                {position, sources_.add(path, {})});
  return check_use(table, TableUse::Addresses, "allowlist", position);
}

// { zone NAME [weight N] [codes { … }] } … [at N decision] … [phase P] [allow <table>] [timeout D]
// [on-error ignore | defer]
bool Parser::parse_dns_lists(Filter& filter) {
  DnsListSettings settings;
  const Position position = token_.position;
  std::set<std::string> seen;
  for (;;) {
    const auto is_common = parse_lookup_option(settings.allowed, settings.timeout, seen);
    if (!is_common) return false;
    if (*is_common) continue;
    if (token_.kind != TokenKind::Word && !at("phase")) break;
    if (!parse_list_option(settings)) return false;
  }
  if (settings.zones.empty()) error(position, "a filter \"dnsbl\" needs a zone");
  if (settings.steps.empty()) settings.steps.emplace_back();
  std::ranges::sort(settings.steps, {}, &ListStep::at);
  if (std::ranges::adjacent_find(settings.steps, {}, &ListStep::at) != settings.steps.end())
    error(position, "two decisions of a filter \"dnsbl\" begin at the same weight");
  filter.native = std::move(settings);
  return true;
}

bool Parser::parse_list_option(DnsListSettings& settings) {
  if (take_word("zone")) return parse_list_zone(settings);
  if (take_word("at")) return parse_list_step(settings);
  if (take_word("on-error")) {
    settings.defers = take_word("defer");
    return settings.defers || take_word("ignore") || expected("ignore or defer");
  }
  if (!take_keyword("phase")) return expected("zone, at, phase, allow, timeout or on-error");
  const auto phase = phase_among(list_phases, token_.text);
  if (token_.kind != TokenKind::Keyword || !phase)
    return expected("a phase: connect, helo, ehlo, mail-from, rcpt-to or data");
  settings.phase = *phase;
  advance();
  return true;
}

bool Parser::parse_list_zone(DnsListSettings& settings) {
  const Position position = token_.position;
  ListZone zone;
  auto name = expect_zone();
  if (!name) return false;
  zone.text = name->text();
  zone.name = std::move(*name);
  for (;;) {
    if (take_word("weight")) {
      const Position place = token_.position;
      const auto weight = expect_number("a weight");
      if (!weight) return false;
      if (*weight == 0 || *weight > weight_most || *weight < -weight_most) {
        error(place, fmt::format("a weight of {} is out of range", *weight));
      } else {
        zone.weight = static_cast<int>(*weight);
      }
    } else if (take_word("codes")) {
      if (!parse_list_codes(zone)) return false;
    } else {
      break;
    }
  }
  if (settings.zones.size() == zones_max) error(position, "too many zones");
  settings.zones.push_back(std::move(zone));
  return true;
}

bool Parser::parse_list_codes(ListZone& zone) {
  std::vector<Token> codes;
  if (!parse_list("an address of 127.0.0.0/8", codes)) return false;
  for (const Token& code : codes) {
    const auto parsed = dns::parse_return_code(code.text);
    if (parsed) {
      zone.codes.push_back(*parsed);
    } else {
      error(code.position, fmt::format("{} is no code: expected an address, a prefix, two "
                                       "addresses with '-' between, or '&' and bits",
                                       describe(code)));
    }
  }
  return true;
}

bool Parser::parse_list_step(DnsListSettings& settings) {
  const Position position = token_.position;
  const auto at = expect_number("a weight");
  if (!at) return false;
  ListStep step;
  if (*at < 1 || *at > weight_most) {
    error(position, fmt::format("a decision at {} is out of range: 1 to {}", *at, weight_most));
  } else {
    step.at = static_cast<int>(*at);
  }
  if (!parse_native_decision(step.decision, step.text)) return false;
  settings.steps.push_back(std::move(step));
  return true;
}

// DELAY [decision] [allow <table>] [remember D]
bool Parser::parse_greet_delay(Filter& filter) {
  GreetDelaySettings settings;
  const auto delay = expect_delay("greet-delay", milliseconds(100), greet_delay_most);
  if (!delay) return false;
  settings.delay = *delay;
  std::set<std::string> seen;
  while (at_new_option(seen)) {
    if (at_native_decision()) {
      if (!parse_native_decision(settings.decision, settings.text)) return false;
    } else if (take_word("allow")) {
      if (!parse_allowed(settings.allowed)) return false;
    } else if (take_word("remember")) {
      const auto remembered = expect_delay("remember", seconds(1), rate_period_most);
      if (!remembered) return false;
      settings.remembered = *remembered;
    } else {
      return expected("reject, disconnect, junk, report, allow or remember");
    }
  }
  filter.native = std::move(settings);
  return true;
}

// per-address | per-network | per-account { connections | messages | recipients | failures N in D }
// … [inet4-bits N] [inet6-bits N] [decision] [allow <table>]
bool Parser::parse_rate(Filter& filter) {
  static constexpr std::array keys =
      std::to_array<std::pair<std::string_view, RateKey>>({{"per-address", RateKey::Address},
                                                           {"per-network", RateKey::Network},
                                                           {"per-account", RateKey::Account}});
  static constexpr std::array counted = std::to_array<std::pair<std::string_view, RateCounted>>(
      {{"connections", RateCounted::Connections},
       {"messages", RateCounted::Messages},
       {"recipients", RateCounted::Recipients},
       {"failures", RateCounted::Failures}});
  RateSettings settings;
  const Position position = token_.position;
  const auto key = std::ranges::find(keys, token_.text, &decltype(keys)::value_type::first);
  if (token_.kind != TokenKind::Word || key == keys.end())
    return expected("per-address, per-network or per-account");
  settings.key = key->second;
  advance();
  std::set<std::string> seen;
  while (at_new_option(seen)) {
    const auto what =
        std::ranges::find(counted, token_.text, &decltype(counted)::value_type::first);
    if (token_.kind == TokenKind::Word && what != counted.end()) {
      advance();
      if (!parse_rate_limit(what->second, settings)) return false;
    } else if (at_native_decision()) {
      if (!parse_native_decision(settings.decision.emplace(), settings.text)) return false;
    } else if (take_word("allow")) {
      if (!parse_allowed(settings.allowed)) return false;
    } else if (take_word("inet4-bits")) {
      if (!parse_rate_bits(settings.inet4_bits, 32)) return false;
    } else if (take_word("inet6-bits")) {
      if (!parse_rate_bits(settings.inet6_bits, 128)) return false;
    } else {
      return expected("a limit, a decision, inet4-bits, inet6-bits or allow");
    }
  }
  if (settings.limits.empty()) error(position, "a filter \"rate\" needs a limit");
  filter.native = std::move(settings);
  return true;
}

// N in D
bool Parser::parse_rate_limit(RateCounted counted, RateSettings& settings) {
  const Position position = token_.position;
  const auto count = expect_number("how many");
  if (!count) return false;
  if (!take_word("in")) return expected("\"in\"");
  const auto period = expect_delay("a period", seconds(1), rate_period_most);
  if (!period) return false;
  if (*count < 1 || *count > period->milliseconds()) {
    error(position,
          fmt::format("a limit of {} is out of range: 1 to 1000 for each second", *count));
  }
  settings.limits.push_back({counted, static_cast<std::uint32_t>(*count), *period});
  return true;
}

bool Parser::parse_rate_bits(unsigned& bits, unsigned most) {
  const Position position = token_.position;
  const auto given = expect_number("a number of bits");
  if (!given) return false;
  if (*given < 1 || *given > most) {
    error(position, fmt::format("{} bits are out of range: 1 to {}", *given, most));
  } else {
    bits = static_cast<unsigned>(*given);
  }
  return true;
}

// reject ["text"] | disconnect ["text"] | junk | report
bool Parser::parse_native_decision(FilterDecision& decision, std::string& text) {
  if (take_keyword("junk")) {
    decision = FilterDecision::Junk;
    return true;
  }
  if (take_keyword("report")) {
    decision = FilterDecision::Report;
    return true;
  }
  decision = at("disconnect") ? FilterDecision::Disconnect : FilterDecision::Reject;
  if (!take_keyword("reject") && !take_keyword("disconnect"))
    return expected("reject, disconnect, junk or report");
  if (token_.kind != TokenKind::Quoted) return true;
  if (!smtp::parse_refusal(token_.text))
    error(token_.position, fmt::format("{} is no reply that refuses, with a code from 400 to 599",
                                       describe(token_)));
  text = std::move(token_.text);
  advance();
  return true;
}

}  // namespace ringpost::conf
