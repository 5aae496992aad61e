// See sender_score.h. Each answer of a session waits by its score, as the program's do; nothing but
// a timer is held meanwhile.
#include "engine/mta/sender_score.h"

#include <utility>

#include "engine/mta/native_figures.h"

namespace ringpost::mta {
namespace {

using filter::Phase;

constexpr int score_best = 100;

}  // namespace

SenderScoreFilter::~SenderScoreFilter() {
  setup_.parts.core.timers().disarm(timer_);
  setup_.parts.resolver->forget(*this);
}

bool SenderScoreFilter::decides(Phase phase) const {
  switch (phase) {
    case Phase::Connect:
      return true;
    case Phase::DataLine:
    case Phase::Rset:
    case Phase::Noop:
    case Phase::Help:
    case Phase::Wiz:
      return false;
    default:
      return settings_.slow_factor_ms > 0 || phase == settings_.block_phase;
  }
}

std::optional<FilterAnswer> SenderScoreFilter::ask(Phase phase) {
  phase_ = phase;
  if (state_ == State::New) begin();
  if (state_ == State::Known) return give();
  state_ = State::Asking;
  return std::nullopt;
}

void SenderScoreFilter::begin() {
  state_ = State::Known;
  const auto client = setup_.owner.session_facts().client;
  if (!client || client->family != conf::Family::Inet4) return;
  if (settings_.allowed != nullptr && settings_.allowed->matches_address(*client)) {
    score_ = score_best;
    return;
  }
  auto name = dns::listing_name(*client, settings_.zone);
  if (!name) return;
  state_ = State::Beginning;
  setup_.parts.resolver->ask({std::move(*name), dns::Type::A},
                             setup_.parts.core.now() + settings_.timeout, *this);
}

void SenderScoreFilter::found(dns::AnswerPointer answer) {
  const dns::SenderScore found = dns::judge_score(*answer);
  if (found.listing == dns::Listing::Listed) score_ = static_cast<int>(found.score);
  const std::string zone = settings_.zone.text();
  ListFigures& figures = setup_.parts.native->list(setup_.filter.name, zone);
  figures.answers[std::to_underlying(found.listing)]->add();
  if (found.listing == dns::Listing::Refused)
    complain_of_list(setup_.parts, figures, setup_.filter.name, zone, *answer);
  setup_.owner.native_looked_up(zone, score_ < 0 ? std::string(dns::word_of(found.listing))
                                                 : "score " + std::to_string(score_));
  const bool is_awaited = std::exchange(state_, State::Known) == State::Asking;
  if (!is_awaited) return;
  if (auto given = give()) setup_.owner.native_answered(std::move(*given));
}

// Whoever is not slowed down is answered now.
std::optional<FilterAnswer> SenderScoreFilter::give() {
  if (delay() == Duration{}) return decide();
  setup_.parts.core.timers().arm(timer_, setup_.parts.core.now() + delay());
  return std::nullopt;
}

FilterAnswer SenderScoreFilter::decide() const {
  using enum FilterAnswer::Kind;
  if (score_ >= 0 && score_ < settings_.block_below && phase_ == settings_.block_phase)
    return {Disconnect, "550 your IP reputation is too low for this MX"};
  if (score_ >= 0 && score_ < settings_.junk_below && phase_ == Phase::Connect)
    return {Junk, "score " + std::to_string(score_)};
  return {Proceed};
}

Duration SenderScoreFilter::delay() const {
  if (is_hurried_ || score_ < 0 || settings_.slow_factor_ms <= 0) return {};
  return milliseconds(settings_.slow_factor_ms * (score_best - score_) / score_best);
}

void SenderScoreFilter::hurry() {
  is_hurried_ = true;
  if (!timer_.armed()) return;
  setup_.parts.core.timers().disarm(timer_);
  time_is_up();
}

void SenderScoreFilter::time_is_up() { setup_.owner.native_answered(decide()); }

void SenderScoreFilter::append_fields(std::string& fields) const {
  if (settings_.score_header && score_ >= 0)
    fields += "X-SenderScore: " + std::to_string(score_) + "\r\n";
}

}  // namespace ringpost::mta
