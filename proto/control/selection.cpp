// Selections of the queue: see selection.h. Pure; takes any words from anybody.
#include "proto/control/selection.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "proto/base/ascii.h"

namespace ringpost::control {
namespace {

constexpr std::array<std::string_view, 5> state_words{"pending", "delayed", "active", "paused",
                                                      "held"};
constexpr std::string_view conditions =
    "domain NAME, sender ADDRESS, recipient ADDRESS, older TIME, newer TIME, status WORD, held, "
    "limit NUMBER";
constexpr Duration age_max = seconds(100LL * 366 * 86'400);

using Complaint = std::optional<std::string>;

std::string_view domain_of(std::string_view address) {
  const std::size_t at = address.rfind('@');
  return at == std::string_view::npos ? std::string_view{} : address.substr(at + 1);
}

// RFC 5321 2.4 lets only the domain be compared without case; an operator who looks for a mailbox
// wants it whichever way it was written.
bool address_matches(std::string_view wanted, std::string_view address) {
  if (wanted.starts_with('@'))
    return ascii::equal_ignoring_case(wanted.substr(1), domain_of(address)) && wanted.size() > 1;
  return ascii::equal_ignoring_case(wanted, address);
}

bool domain_matches(std::string_view wanted, std::string_view domain) {
  if (!wanted.starts_with("*.")) return ascii::equal_ignoring_case(wanted, domain);
  const std::string_view suffix = wanted.substr(1);
  return domain.size() > suffix.size() &&
         ascii::equal_ignoring_case(suffix, domain.substr(domain.size() - suffix.size()));
}

bool is_clean(std::string_view word) {
  return !word.empty() &&
         std::ranges::none_of(word, [](char c) { return ascii::is_control(c) || c == ' '; });
}

Complaint take_domain(std::string_view value, QueueFilter& filter) {
  if (value.starts_with('@')) value.remove_prefix(1);
  if (!is_clean(value) || value.contains('@') || value == "*.")
    return fmt::format("\"{}\" is not a domain (example.org, or *.example.org for those below)",
                       value);
  filter.domain = ascii::lower(value);
  return {};
}

Complaint take_address(std::string_view value, bool may_be_null, std::string& target) {
  if (may_be_null && value == "<>") {
    target = value;
    return {};
  }
  if (value.starts_with('<') && value.ends_with('>') && value.size() > 2)
    value = value.substr(1, value.size() - 2);
  if (!is_clean(value) || domain_of(value).empty())
    return fmt::format("\"{}\" is not an address (user@example.org, or @example.org for all){}",
                       value, may_be_null ? "; <> is the sender of reports" : "");
  target = value;
  return {};
}

Complaint take_age(std::string_view value, std::optional<Duration>& target) {
  target = parse_age(value);
  if (target) return {};
  return fmt::format("\"{}\" is not a time (90s, 15m, 12h, 3d, 1d12h)", value);
}

Complaint take_state(std::string_view value, QueueFilter& filter) {
  const auto found = std::ranges::find(state_words, value);
  if (found == state_words.end())
    return fmt::format("\"{}\" is not a status: pending, delayed, active, paused or held", value);
  filter.state = static_cast<QueueState>(found - state_words.begin());
  return {};
}

Complaint take_limit(std::string_view value, QueueFilter& filter) {
  const auto number = ascii::parse_decimal<std::uint64_t>(value);
  if (!number || *number == 0) return fmt::format("\"{}\" is not a number above 0", value);
  filter.limit = *number;
  return {};
}

bool is_given(std::string_view word, const QueueFilter& filter) {
  if (word == "domain") return !filter.domain.empty();
  if (word == "sender") return !filter.sender.empty();
  if (word == "recipient") return !filter.recipient.empty();
  if (word == "older") return filter.older.has_value();
  if (word == "newer") return filter.newer.has_value();
  if (word == "limit") return filter.limit != 0;
  return filter.state.has_value();
}

bool is_condition(std::string_view word) {
  constexpr std::array<std::string_view, 7> words{"domain", "sender", "recipient", "older",
                                                  "newer",  "status", "limit"};
  return std::ranges::find(words, word) != words.end();
}

Complaint take_condition(std::string_view word, std::string_view value, QueueFilter& filter) {
  if (word == "domain") return take_domain(value, filter);
  if (word == "sender") return take_address(value, true, filter.sender);
  if (word == "recipient") return take_address(value, false, filter.recipient);
  if (word == "older") return take_age(value, filter.older);
  if (word == "newer") return take_age(value, filter.newer);
  if (word == "limit") return take_limit(value, filter);
  return take_state(value, filter);
}

std::expected<QueueFilter, std::string> parse_filter(std::span<const std::string> words) {
  QueueFilter filter;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const bool held = words[i] == "held";
    const std::string_view word = held ? std::string_view("status") : words[i];
    if (!is_condition(word))
      return std::unexpected(
          fmt::format("\"{}\" is neither a queue id (16 hex digits) nor a condition; these are: {}",
                      words[i], conditions));
    if (is_given(word, filter)) return std::unexpected(fmt::format("{} stands twice", word));
    if (!held && i + 1 == words.size())
      return std::unexpected(fmt::format("{} needs a value; conditions are: {}", word, conditions));
    const std::string_view value = held ? words[i] : words[++i];
    if (auto complaint = take_condition(word, value, filter)) return std::unexpected(*complaint);
  }
  return filter;
}

}  // namespace

std::string_view to_text(QueueState state) { return state_words[static_cast<std::size_t>(state)]; }

bool QueueFilter::takes_age(Duration age) const {
  return (!older || age >= *older) && (!newer || age < *newer);
}

bool QueueFilter::takes_sender(std::string_view address) const {
  if (sender.empty()) return true;
  if (sender == "<>") return address.empty();
  return address_matches(sender, address);
}

bool QueueFilter::takes_recipient(std::string_view accepted, std::string_view final_address) const {
  if (!domain.empty() && !domain_matches(domain, domain_of(final_address))) return false;
  return recipient.empty() || address_matches(recipient, accepted) ||
         address_matches(recipient, final_address);
}

std::optional<Selection::Named> parse_named(std::string_view text) {
  const std::size_t dot = text.find('.');
  const auto id = parse_queue_id(text.substr(0, dot));
  if (!id) return std::nullopt;
  if (dot == std::string_view::npos) return Selection::Named{*id};
  const auto recipient = ascii::parse_decimal<std::uint32_t>(text.substr(dot + 1));
  if (!recipient) return std::nullopt;
  return Selection::Named{*id, *recipient};
}

std::expected<Selection, std::string> parse_selection(std::span<const std::string> words,
                                                      bool may_be_empty) {
  Selection selection;
  if (words.size() == 1 && words[0] == "all") return selection;
  if (words.empty()) {
    if (may_be_empty) return selection;
    return std::unexpected(fmt::format("name queue ids, or all, or conditions: {}", conditions));
  }
  if (parse_named(words[0])) {
    for (const std::string& word : words) {
      const auto named = parse_named(word);
      if (!named)
        return std::unexpected(
            fmt::format("\"{}\" is not a queue id (16 hex digits, or ID.N)", word));
      selection.named.push_back(*named);
    }
    return selection;
  }
  auto filter = parse_filter(words);
  if (!filter) return std::unexpected(filter.error());
  selection.filter = std::move(*filter);
  return selection;
}

std::expected<Reroute, std::string> split_reroute(std::span<const std::string> words) {
  if (words.size() < 3 || words[words.size() - 2] != "to")
    return std::unexpected("expected: reroute WHICH to HOST");
  Reroute reroute{{words.begin(), words.end() - 2}, words.back()};
  if (reroute.which.front() == "for") reroute.which.front() = "domain";
  return reroute;
}

std::optional<Duration> parse_age(std::string_view text) {
  constexpr std::string_view units = "smhdw";
  constexpr std::array<std::int64_t, 5> unit_seconds{1, 60, 3'600, 86'400, 7 * 86'400};
  std::int64_t total = 0;
  if (text.empty()) return std::nullopt;
  while (!text.empty()) {
    const std::size_t digits = text.find_first_not_of("0123456789");
    if (digits == std::string_view::npos) return std::nullopt;
    const auto number = ascii::parse_decimal<std::uint32_t>(text.substr(0, digits));
    const std::size_t unit = units.find(text[digits]);
    if (!number || unit == std::string_view::npos) return std::nullopt;
    total += *number * unit_seconds[unit];
    if (total > age_max.seconds()) return std::nullopt;
    text.remove_prefix(digits + 1);
  }
  return seconds(total);
}

}  // namespace ringpost::control
