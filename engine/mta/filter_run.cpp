// Built-in filters in their order: `report` goes on, everything else that a filter decides ends the
// phase, as in smtpd.conf(5). One that cannot decide puts the client off: it is neither a pass nor
// a fail.
#include "engine/mta/filter_run.h"

#include <array>
#include <utility>

#include "proto/smtp/refusal.h"
#include "proto/smtp/replies.h"

namespace ringpost::mta {
namespace {

using conf::FilterDecision;
using conf::FilterPhase;
using observe::FilterWord;

FilterWord word_of(FilterDecision decision) {
  switch (decision) {
    case FilterDecision::Reject:
      return FilterWord::Reject;
    case FilterDecision::Disconnect:
      return FilterWord::Disconnect;
    case FilterDecision::Rewrite:
      return FilterWord::Rewrite;
    case FilterDecision::Report:
      return FilterWord::Report;
    case FilterDecision::Junk:
      return FilterWord::Junk;
    case FilterDecision::Bypass:
      break;
  }
  return FilterWord::Bypass;
}

// RFC 2034 4: replies carry an enhanced status, but for those to HELO and EHLO and the greeting.
smtp::Reply refusal_of(std::string_view text, FilterPhase phase) {
  auto reply = smtp::parse_refusal(text);
  if (!reply) return smtp::Reply(421, {4, 3, 0}, "Internal server error");
  const bool is_bare =
      phase == FilterPhase::Connect || phase == FilterPhase::Helo || phase == FilterPhase::Ehlo;
  if (!reply->enhanced.is_present() && !is_bare)
    reply->enhanced = {static_cast<std::uint8_t>(reply->code / 100), 7, 1};
  return std::move(*reply);
}

}  // namespace

FilterRun::FilterRun(WorkerParts& parts, std::shared_ptr<const Generation> generation,
                     const conf::Filter& root, observe::SessionId session,
                     const std::string& client, FilterRunOwner& owner)
    : parts_(parts),
      generation_(std::move(generation)),
      session_(session),
      client_(client),
      owner_(owner),
      chain_(root.kind == conf::FilterKind::Chain ? root.chain : std::vector{&root}),
      needs_client_name_(conf::tests_client_name(root)) {}

FilterRun::~FilterRun() { parts_.enquiries->forget(*this); }

void FilterRun::begin(FilterPhase phase, conf::AddressView recipient) {
  phase_ = phase;
  recipient_user_ = recipient.user;
  recipient_domain_ = recipient.domain;
  next_ = 0;
  lookups_.emplace(parts_, *generation_);
  go_on();
}

void FilterRun::go_on() {
  while (next_ < chain_.size()) {
    const conf::Filter& filter = *chain_[next_];
    if (has_say(filter) && judge(filter)) return;
    ++next_;
  }
  end({});
}

bool FilterRun::has_say(const conf::Filter& filter) const {
  return filter.kind == conf::FilterKind::Builtin && filter.phase == phase_;
}

bool FilterRun::judge(const conf::Filter& filter) {
  conf::FilterFinding finding = conf::test_filter(generation_->config, filter, owner_.facts(),
                                                  {recipient_user_, recipient_domain_}, *lookups_);
  if (!finding.stop) return finding.holds && decide(filter);
  if (!finding.stop->waiting_for) return cannot_decide(filter, std::move(finding.stop->reason));
  asked_ = std::move(*finding.stop->waiting_for);
  parts_.enquiries->ask(asked_, generation_, *this);
  return true;
}

void FilterRun::answered(conf::Answer answer) {
  lookups_->remember(std::move(asked_), std::move(answer));
  go_on();
}

bool FilterRun::decide(const conf::Filter& filter) {
  log(filter, word_of(filter.decision), filter.text);
  FilterVerdict verdict;
  switch (filter.decision) {
    case FilterDecision::Report:
      return false;
    case FilterDecision::Bypass:
      break;
    case FilterDecision::Junk:
      verdict.junk = true;
      break;
    case FilterDecision::Rewrite:
      verdict.rewritten = filter.text;
      break;
    case FilterDecision::Reject:
    case FilterDecision::Disconnect:
      verdict.reply = refusal_of(filter.text, phase_);
      verdict.kind = filter.decision == FilterDecision::Reject ? FilterVerdict::Kind::Reject
                                                               : FilterVerdict::Kind::Disconnect;
      break;
  }
  end(std::move(verdict));
  return true;
}

bool FilterRun::cannot_decide(const conf::Filter& filter, std::string reason) {
  log(filter, FilterWord::Undecided, {}, reason);
  end({.kind = FilterVerdict::Kind::Reject, .reply = smtp::Reply(smtp::replies::local_error)});
  return true;
}

void FilterRun::log(const conf::Filter& filter, FilterWord word, std::string_view text,
                    std::string_view reason) {
  parts_.metrics.session.filtered[word].add();
  parts_.events.emit(parts_.core.wall(), observe::FilterDecided{.session = session_,
                                                                .client = client_,
                                                                .filter = filter.name,
                                                                .phase = conf::to_text(phase_),
                                                                .decision = word,
                                                                .text = text,
                                                                .reason = reason});
}

void FilterRun::end(FilterVerdict verdict) {
  lookups_.reset();
  owner_.filtered(std::move(verdict));
}

}  // namespace ringpost::mta
