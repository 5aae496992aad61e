// See rates.h. A message counts at DATA, and is refused at MAIL already when none is left; failures
// close the door at the next command.
#include "engine/mta/rates.h"

#include <utility>

#include <fmt/format.h>

#include "proto/conf/table.h"

namespace ringpost::mta {
namespace {

using conf::RateCounted;
using conf::RateKey;
using filter::Phase;

constexpr std::array<std::string_view, 4> counted_words{"connections", "messages", "recipients",
                                                        "failures"};

}  // namespace

bool RateFilter::decides(Phase phase) const {
  switch (phase) {
    case Phase::Connect:
    case Phase::Auth:
    case Phase::MailFrom:
    case Phase::RcptTo:
    case Phase::Data:
      return true;
    default:
      return false;
  }
}

std::string RateFilter::subject() const {
  const conf::SessionFacts facts = setup_.owner.session_facts();
  if (settings_.key == RateKey::Account) return std::string(facts.user);
  if (!facts.client) return {};
  if (settings_.allowed != nullptr && settings_.allowed->matches_address(*facts.client)) return {};
  if (settings_.key == RateKey::Address) return conf::to_text(*facts.client);
  const unsigned bits =
      facts.client->family == conf::Family::Inet4 ? settings_.inet4_bits : settings_.inet6_bits;
  return fmt::format("{}/{}", conf::to_text(conf::masked(*facts.client, bits)), bits);
}

// An account is known at MAIL only: its sessions are counted there.
RateFilter::Use RateFilter::use_of(const conf::RateLimit& limit, Phase phase) const {
  const Phase first = settings_.key == RateKey::Account ? Phase::MailFrom : Phase::Connect;
  switch (limit.counted) {
    case RateCounted::Connections:
      return phase == first && !has_counted_session_ ? Use::Take : Use::Nothing;
    case RateCounted::Messages:
      if (phase == Phase::Data) return Use::Take;
      return phase == Phase::MailFrom ? Use::Look : Use::Nothing;
    case RateCounted::Recipients:
      return phase == Phase::RcptTo ? Use::Take : Use::Nothing;
    case RateCounted::Failures:
      break;
  }
  return Use::Look;
}

std::string RateFilter::key(const conf::RateLimit& limit, const std::string& subject) const {
  return fmt::format("rate\n{}\n{}\n{}\n{}\n{}\n{}", setup_.filter.name,
                     std::to_underlying(settings_.key), std::to_underlying(limit.counted),
                     limit.count, limit.period.ns, subject);
}

std::optional<FilterAnswer> RateFilter::ask(Phase phase) {
  const std::string whose = subject();
  if (whose.empty()) return FilterAnswer{FilterAnswer::Kind::Proceed};
  const Instant now = setup_.parts.core.now();
  RateTable& table = *setup_.parts.rates;
  std::optional<FilterAnswer> answer;
  bool is_counted = false, is_refused = false;  // the session
  for (const conf::RateLimit& limit : settings_.limits) {
    const Use use = use_of(limit, phase);
    if (use == Use::Nothing) continue;
    const Share share{limit.count, limit.period};
    const bool is_left = use == Use::Take ? table.take(key(limit, whose), share, now)
                                          : table.has(key(limit, whose), share, now);
    const bool is_of_session = limit.counted == RateCounted::Connections;
    is_counted = is_counted || is_of_session;
    is_refused = is_refused || (is_of_session && !is_left);
    if (!is_left && !answer) answer = exceeded(limit);
  }
  // A client that merely asks again has no more of a share than before.
  if (is_counted) has_counted_session_ = !is_refused;
  return answer ? std::move(answer) : FilterAnswer{FilterAnswer::Kind::Proceed};
}

void RateFilter::client_failed() {
  const std::string whose = subject();
  if (whose.empty()) return;
  for (const conf::RateLimit& limit : settings_.limits)
    if (limit.counted == RateCounted::Failures)
      static_cast<void>(setup_.parts.rates->take(key(limit, whose), {limit.count, limit.period},
                                                 setup_.parts.core.now()));
}

FilterAnswer RateFilter::exceeded(const conf::RateLimit& limit) const {
  const std::string_view what = counted_words[std::to_underlying(limit.counted)];
  const bool ends =
      limit.counted == RateCounted::Connections || limit.counted == RateCounted::Failures;
  if (!settings_.decision)
    return {ends ? FilterAnswer::Kind::Disconnect : FilterAnswer::Kind::Reject,
            fmt::format("{} Too many {}; try again later", ends ? "421 4.7.0" : "450 4.7.1", what)};
  if (settings_.text.empty())
    return {answer_kind_of(*settings_.decision), fmt::format("450 4.7.1 Too many {}", what)};
  return {answer_kind_of(*settings_.decision), settings_.text};
}

}  // namespace ringpost::mta
