// The parser of a sink's script, and the choice among its rules; see script.h.
#include "tools/load/script.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "proto/base/ascii.h"
#include "proto/smtp/path.h"

namespace ringpost::load {
namespace {

constexpr std::size_t rules_max = 1000;
constexpr std::uint64_t delay_ms_max = 3'600'000;
constexpr std::size_t reply_text_octets_max = 400;

using Problem = std::optional<std::string>;

// The words of one line, from the left.
class Words {
 public:
  explicit Words(std::string_view line) : line_(line) {}

  std::string_view next() {
    const std::string_view rest = text();
    const std::size_t end = std::min(rest.find_first_of(" \t"), rest.size());
    begin_ = static_cast<std::size_t>(rest.data() - line_.data());
    at_ = begin_ + end;
    return rest.substr(0, end);
  }
  // All that has not been read.
  std::string_view text() const {
    std::string_view rest = line_.substr(at_);
    while (!rest.empty() && ascii::is_blank(rest.front())) rest.remove_prefix(1);
    return rest;
  }
  void skip() { at_ = line_.size(); }                // column() stays
  std::size_t column() const { return begin_ + 1; }  // of the last word

 private:
  std::string_view line_;
  std::size_t at_ = 0;
  std::size_t begin_ = 0;
};

template <class Number>
bool take_number(Number& target, std::string_view text, std::uint64_t least, std::uint64_t most) {
  const auto value = ascii::parse_decimal(text);
  if (!value || *value < least || *value > most) return false;
  target = static_cast<Number>(*value);
  return true;
}

bool take_address(Rule& rule, std::string_view text) {
  rule.address = conf::parse_net_prefix(text);
  return rule.address.has_value();
}

bool take_port(Rule& rule, std::string_view text) {
  return take_number(rule.port.emplace(), text, 1, 65'535);
}

bool take_domain(Rule& rule, std::string_view text) {
  const auto domain = smtp::parse_domain(text.starts_with("*.") ? text.substr(2) : text);
  if (!domain) return false;
  rule.domain = (text.starts_with("*.") ? "*." : "") + *domain;
  return true;
}

bool take_recipient(Rule& rule, std::string_view text) {
  const auto path = smtp::parse_forward_path(text);
  if (path) rule.recipient = smtp::to_text(*path);
  return path.has_value();
}

bool take_sender(Rule& rule, std::string_view text) {
  const auto path = smtp::parse_reverse_path(text);
  if (path) rule.sender = smtp::to_text(*path);
  return path.has_value() && !rule.sender.empty();
}

bool take_every(Rule& rule, std::string_view text) {
  return take_number(rule.every, text, 2, 1'000'000'000);
}

bool take_chance(Rule& rule, std::string_view text) {
  std::uint32_t percent = 0;
  if (!text.ends_with('%')) return false;
  text.remove_suffix(1);
  if (!take_number(percent, text, 1, 100)) return false;
  rule.per_million = percent * 10'000;
  return true;
}

bool take_delay(Rule& rule, std::string_view text) {
  std::int64_t wait_ms = 0;
  if (!take_number(wait_ms, text, 1, delay_ms_max)) return false;
  rule.delay = milliseconds(wait_ms);
  return true;
}

// A word that one value follows. `known_from`: the first step at which it can be judged.
struct Clause {
  std::string_view word;
  std::string_view wants;
  Step known_from;
  bool (*take)(Rule& rule, std::string_view value);
};

constexpr std::array clauses{
    Clause{"address", "an address or address/length", Step::Greeting, take_address},
    Clause{"port", "a port from 1 to 65535", Step::Greeting, take_port},
    Clause{"sender", "an address", Step::Mail, take_sender},
    Clause{"recipient", "an address", Step::Rcpt, take_recipient},
    Clause{"domain", "a domain, or *.domain for those below it", Step::Rcpt, take_domain},
    Clause{"every", "a number from 2", Step::Greeting, take_every},
    Clause{"chance", "a percentage from 1% to 100%", Step::Greeting, take_chance},
    Clause{"delay", "milliseconds, up to an hour", Step::Greeting, take_delay},
};

bool is_text(std::string_view text) {
  return !text.empty() && text.size() <= reply_text_octets_max &&
         std::ranges::all_of(text, [](char c) { return c >= ' ' && c <= '~'; });
}

// CODE [ENHANCED STATUS] TEXT. Before the end of a message a yes has only one form.
Problem take_reply(Rule& rule, std::string_view text) {
  std::uint16_t code = 0;
  const bool may_accept =
      rule.step == Step::Mail || rule.step == Step::Rcpt || rule.step == Step::DataEnd;
  const bool is_code = take_number(code, text.substr(0, 3), 200, 599) && code / 100 != 3;
  if (!is_code || (code / 100 == 2 && !may_accept))
    return fmt::format("expected a reply code {}4xx or 5xx after \"reply\"",
                       may_accept ? "2xx, " : "");
  text.remove_prefix(3);
  if (text.empty() || !ascii::is_blank(text.front()) || !is_text(ascii::trim(text)))
    return fmt::format("expected a text of 1 to {} printable characters after the reply code",
                       reply_text_octets_max);
  text = ascii::trim(text);
  const smtp::EnhancedStatus status = smtp::take_enhanced(text, code / 100u);
  rule.reply.emplace(code, status, std::string(ascii::trim(text)));
  return std::nullopt;
}

Problem take_clause(Rule& rule, const Clause& clause, Words& words) {
  if (rule.step < clause.known_from)
    return fmt::format("\"{}\" is not known at \"{}\"", clause.word, to_text(rule.step));
  if (!clause.take(rule, words.next()))
    return fmt::format("expected {} after \"{}\"", clause.wants, clause.word);
  return std::nullopt;
}

Problem take_word(Rule& rule, std::string_view word, Words& words) {
  const auto clause = std::ranges::find(clauses, word, &Clause::word);
  if (clause != clauses.end()) return take_clause(rule, *clause, words);
  if (word == "close") {
    rule.ending = Ending::Close;
  } else if (word == "drop") {
    rule.ending = Ending::Drop;
  } else if (word == "reply") {
    const std::string_view rest = words.text();
    const Problem problem = take_reply(rule, rest);
    words.skip();
    return problem;
  } else {
    return fmt::format("there is no condition or action \"{}\"", word);
  }
  return std::nullopt;
}

Problem judge(const Rule& rule) {
  const bool acts = rule.reply || rule.delay > Duration{} || rule.ending != Ending::GoOn;
  if (!acts) return "expected an action: reply, delay, close or drop";
  if (rule.ending == Ending::Drop && rule.reply)
    return "\"drop\" says nothing, so \"reply\" has no meaning with it";
  if (rule.every > 1 && rule.per_million > 0)
    return "\"every\" and \"chance\" have no meaning together";
  return std::nullopt;
}

Problem parse_rule(Rule& rule, Words& words) {
  const std::string_view name = words.next();
  const auto step = std::ranges::find(steps, name, [](Step one) { return to_text(one); });
  if (step == steps.end())
    return fmt::format("expected greeting, hello, mail, rcpt, data or data-end, not \"{}\"", name);
  rule.step = *step;
  for (std::string_view word = words.next(); !word.empty(); word = words.next())
    if (Problem problem = take_word(rule, word, words)) return problem;
  return judge(rule);
}

std::string_view without_comment(std::string_view line) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  return ascii::trim(line).starts_with('#') ? std::string_view() : line;
}

bool agrees(const Rule& rule, std::string_view recipient) {
  if (!rule.recipient.empty() && rule.recipient != recipient) return false;
  if (rule.domain.empty()) return true;
  const std::string_view domain = recipient.substr(recipient.rfind('@') + 1);
  if (!rule.domain.starts_with("*.")) return rule.domain == domain;
  return domain.ends_with(std::string_view(rule.domain).substr(1));
}

bool agrees(const Rule& rule, const Occasion& occasion) {
  if (rule.step != occasion.step || (rule.port && *rule.port != occasion.port)) return false;
  if (rule.address &&
      (rule.address->address.family != occasion.address.family ||
       conf::masked(occasion.address, rule.address->length) != rule.address->address))
    return false;
  if (!rule.sender.empty() && rule.sender != occasion.sender) return false;
  return (rule.recipient.empty() && rule.domain.empty()) ||
         std::ranges::any_of(occasion.recipients, [&rule](const std::string& recipient) {
           return agrees(rule, recipient);
         });
}

}  // namespace

std::string_view to_text(Step step) {
  switch (step) {
    case Step::Greeting:
      return "greeting";
    case Step::Hello:
      return "hello";
    case Step::Mail:
      return "mail";
    case Step::Rcpt:
      return "rcpt";
    case Step::Data:
      return "data";
    case Step::DataEnd:
      return "data-end";
  }
  std::unreachable();
}

std::expected<std::vector<Rule>, std::vector<conf::Diagnostic>> parse_script(
    std::string_view text, std::string_view file) {
  std::vector<Rule> rules;
  std::vector<conf::Diagnostic> diagnostics;
  for (std::uint32_t number = 1; !text.empty(); ++number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = without_comment(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (ascii::trim(line).empty()) continue;
    Rule rule{.line = number, .text = std::string(ascii::trim(line))};
    Words words(line);
    Problem problem = parse_rule(rule, words);
    if (!problem && rules.size() >= rules_max)
      problem = fmt::format("a script has at most {} rules", rules_max);
    if (problem)
      diagnostics.push_back({.file = std::string(file),
                             .line = number,
                             .column = static_cast<std::uint32_t>(words.column()),
                             .text = std::move(*problem),
                             .source_line = std::string(line)});
    else
      rules.push_back(std::move(rule));
  }
  if (!diagnostics.empty()) return std::unexpected(std::move(diagnostics));
  return rules;
}

Play::Play(std::span<const Rule> rules, std::uint32_t seed)
    : rules_(rules), agreed_(rules.size()), dice_(seed + 1) {}

const Rule* Play::choose(const Occasion& occasion) {
  for (std::size_t i = 0; i < rules_.size(); ++i) {
    if (agrees(rules_[i], occasion) && takes_its_turn(i)) return &rules_[i];
  }
  return nullptr;
}

bool Play::takes_its_turn(std::size_t rule) {
  ++agreed_[rule];
  const std::uint32_t per_million = rules_[rule].per_million;
  if (per_million > 0)
    return std::uniform_int_distribution<std::uint32_t>(0, 999'999)(dice_) < per_million;
  return agreed_[rule] % rules_[rule].every == 0;
}

}  // namespace ringpost::load
