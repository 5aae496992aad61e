// Filters in their order: `report` goes on, everything else that a filter decides ends the phase,
// as in smtpd.conf(5). A built-in one that cannot decide puts the client off: it is neither a pass
// nor a fail. A process that does not answer costs the session, unless it may be left out.
#include "engine/mta/filter_run.h"

#include <algorithm>
#include <utility>

#include "engine/mta/native_figures.h"
#include "proto/filter/request.h"
#include "proto/smtp/refusal.h"
#include "proto/smtp/replies.h"

namespace ringpost::mta {
namespace {

using conf::FilterDecision;
using filter::Phase;
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

FilterWord word_of(FilterAnswer::Kind kind) {
  switch (kind) {
    case FilterAnswer::Kind::Proceed:
    case FilterAnswer::Kind::Unavailable:
      break;
    case FilterAnswer::Kind::Junk:
      return FilterWord::Junk;
    case FilterAnswer::Kind::Reject:
      return FilterWord::Reject;
    case FilterAnswer::Kind::Disconnect:
      return FilterWord::Disconnect;
    case FilterAnswer::Kind::Rewrite:
      return FilterWord::Rewrite;
    case FilterAnswer::Kind::Report:
      return FilterWord::Report;
  }
  return FilterWord::Undecided;
}

// RFC 2034 4: replies carry an enhanced status, but for those to HELO and EHLO and the greeting.
smtp::Reply refusal_of(std::string_view text, Phase phase) {
  auto reply = smtp::parse_refusal(text);
  if (!reply) return smtp::Reply(421, {4, 3, 0}, "Internal server error");
  const bool is_bare = phase == Phase::Connect || phase == Phase::Helo || phase == Phase::Ehlo;
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
      needs_client_name_(conf::tests_client_name(root)) {
  const auto add = [&](const conf::Filter& filter) {
    FilterLinkOwner& self = *this;
    // A process has one question of a session at a time, and is told of a session once.
    const auto is_its = [&](const Place& place) { return place.filter->process == filter.process; };
    if (filter.process != nullptr && std::ranges::any_of(chain_, is_its)) return;
    chain_.push_back({&filter, nullptr, nullptr});
    if (filter.kind == conf::FilterKind::Process)
      chain_.back().link = std::make_unique<FilterLink>(*parts_.filters, filter, session_, self);
    NativeFilterOwner& asker = *this;
    if (filter.kind == conf::FilterKind::Native)
      chain_.back().native = make_native_filter({parts_, filter, asker});
  };
  if (root.kind != conf::FilterKind::Chain) add(root);
  for (const conf::Filter* const link : root.chain) add(*link);
}

FilterRun::~FilterRun() { parts_.enquiries->forget(*this); }

void FilterRun::begin(Phase phase, std::vector<std::string> parameters,
                      conf::AddressView recipient) {
  phase_ = phase;
  parameters_ = std::move(parameters);
  recipient_user_ = recipient.user;
  recipient_domain_ = recipient.domain;
  next_ = 0;
  phase == Phase::Connect ? bind() : go_on();
}

// Before the session begins each process has to be there.
void FilterRun::bind() {
  for (; bound_ < chain_.size(); ++bound_) {
    FilterLink* const link = chain_[bound_].link.get();
    if (link != nullptr && !link->bind()) return;
  }
  owner_.filters_bound();
  go_on();
}

void FilterRun::link_ready(FilterLink& link, bool ready) {
  if ((!ready || !link.bind()) && do_without(link, "it is not running")) return;
  ++bound_;
  bind();
}

void FilterRun::go_on() {
  while (next_ < chain_.size()) {
    if (ask(chain_[next_])) return;
    ++next_;
  }
  end({});
}

bool FilterRun::decides(Phase phase) const {
  return std::ranges::any_of(chain_, [phase](const Place& place) {
    return place.link != nullptr && place.link->decides(phase);
  });
}

bool FilterRun::ask(const Place& place) {
  if (place.native != nullptr) {
    if (!place.native->decides(phase_)) return false;
    auto answer = place.native->ask(phase_);
    return !answer || take_native(*place.filter, std::move(*answer));
  }
  if (place.link == nullptr) {
    return place.filter->kind == conf::FilterKind::Builtin && place.filter->phase == phase_ &&
           judge(*place.filter);
  }
  if (!place.link->decides(phase_)) return false;
  place.link->ask(phase_, parameters_);
  return true;
}

void FilterRun::link_answered(FilterLink& link, FilterAnswer answer) {
  if (!stages_.empty()) {
    if (answer.kind != FilterAnswer::Kind::Proceed)
      return fail_content(link, answer.text, smtp::replies::filter_unavailable);
    Stage* const next = stage_after(link);
    if (next == nullptr) {
      stages_.clear();
      return owner_.content_filtered(nullptr);
    }
    next->all_came = true;
    return pass_on(*next);
  }
  if (take(link, answer)) return;
  ++next_;
  go_on();
}

// The one that was asked last; it has no other question under way.
void FilterRun::native_answered(FilterAnswer answer) {
  if (take_native(*chain_[next_].filter, std::move(answer))) return;
  ++next_;
  go_on();
}

void FilterRun::hurry() {
  for (std::size_t i = 0; i < chain_.size(); ++i)
    if (i != next_ && chain_[i].native != nullptr) chain_[i].native->hurry();
  // Last, because it may be the one that answers, and the session goes on then.
  if (next_ < chain_.size() && chain_[next_].native != nullptr) chain_[next_].native->hurry();
}

void FilterRun::client_spoke() {
  if (phase_ == Phase::Connect && next_ < chain_.size() && chain_[next_].native != nullptr)
    chain_[next_].native->client_spoke();
}

void FilterRun::client_failed() {
  for (const Place& place : chain_)
    if (place.native != nullptr) place.native->client_failed();
}

std::string FilterRun::fields() const {
  std::string fields;
  for (const Place& place : chain_)
    if (place.native != nullptr) place.native->append_fields(fields);
  return fields;
}

bool FilterRun::judge(const conf::Filter& filter) {
  if (!lookups_) lookups_.emplace(parts_, *generation_);
  conf::FilterFinding finding = conf::test_filter(generation_->config, filter, owner_.facts(),
                                                  {recipient_user_, recipient_domain_}, *lookups_);
  if (!finding.stop && !finding.holds) trace(filter, "its condition does not hold");
  if (!finding.stop)
    return finding.holds && conclude(filter, word_of(filter.decision), std::string(filter.text));
  if (!finding.stop->waiting_for) {
    cannot_decide(filter, finding.stop->reason);
    return true;
  }
  asked_ = std::move(*finding.stop->waiting_for);
  parts_.enquiries->ask(asked_, generation_, *this);
  return true;
}

void FilterRun::answered(conf::Answer answer) {
  owner_.looked_up(conf::describe(asked_), conf::word_of(answer.state));
  lookups_->remember(std::move(asked_), std::move(answer));
  go_on();
}

bool FilterRun::take(FilterLink& link, FilterAnswer& answer) {
  using enum FilterAnswer::Kind;
  const std::string_view phase = filter::response_word_of(phase_);
  if (answer.kind == Unavailable) return do_without(link, answer.text);
  if (answer.kind == Proceed) {
    trace(link.filter, "proceed");
    report(filter::ReportEvent::FilterResponse, {phase, "proceed"});
    return false;
  }
  const FilterWord word = word_of(answer.kind);
  if (answer.kind != Report && answer.text.empty())
    report(filter::ReportEvent::FilterResponse, {phase, to_text(word)});
  if (answer.kind != Report && !answer.text.empty())
    report(filter::ReportEvent::FilterResponse, {phase, to_text(word), answer.text});
  return conclude(link.filter, word, std::move(answer.text));
}

bool FilterRun::take_native(const conf::Filter& filter, FilterAnswer answer) {
  parts_.native->answered(filter.name, answer.kind);
  if (answer.kind == FilterAnswer::Kind::Proceed) return false;
  if (answer.kind != FilterAnswer::Kind::Unavailable)
    return conclude(filter, word_of(answer.kind), std::move(answer.text));
  cannot_decide(filter, answer.text);
  return true;
}

bool FilterRun::conclude(const conf::Filter& filter, FilterWord word, std::string text) {
  log(filter, word, text);
  FilterVerdict verdict;
  switch (word) {
    case FilterWord::Report:
      report(filter::ReportEvent::FilterReport,
             {filter.kind == conf::FilterKind::Process ? "proc" : "builtin", filter.name, text});
      return false;
    case FilterWord::Junk:
      verdict.junk = true;
      break;
    case FilterWord::Rewrite:
      verdict.rewritten = std::move(text);
      break;
    case FilterWord::Reject:
    case FilterWord::Disconnect:
      verdict.reply = refusal_of(text, phase_);
      verdict.kind = word == FilterWord::Reject ? FilterVerdict::Kind::Reject
                                                : FilterVerdict::Kind::Disconnect;
      break;
    case FilterWord::Bypass:
    case FilterWord::Undecided:
      break;
  }
  end(std::move(verdict));
  return true;
}

bool FilterRun::do_without(FilterLink& link, std::string_view reason) {
  log(link.filter, FilterWord::Undecided, {}, reason);
  link.leave_out();
  if (link.filter.process->fail_open) return false;
  end({.kind = FilterVerdict::Kind::Disconnect, .reply = smtp::Reply(smtp::replies::filter_gone)});
  return true;
}

void FilterRun::cannot_decide(const conf::Filter& filter, std::string_view reason) {
  log(filter, FilterWord::Undecided, {}, reason);
  end({.kind = FilterVerdict::Kind::Reject, .reply = smtp::Reply(smtp::replies::local_error)});
}

void FilterRun::trace(const conf::Filter& filter, std::string_view result) {
  parts_.events.emit(parts_.core.wall(), observe::FilterPassed{.session = session_,
                                                               .filter = filter.name,
                                                               .phase = filter::word_of(phase_),
                                                               .result = result});
}

void FilterRun::log(const conf::Filter& filter, FilterWord word, std::string_view text,
                    std::string_view reason) {
  parts_.metrics.session.filtered[word].add();
  parts_.events.emit(parts_.core.wall(), observe::FilterDecided{.session = session_,
                                                                .client = client_,
                                                                .filter = filter.name,
                                                                .phase = filter::word_of(phase_),
                                                                .decision = word,
                                                                .text = text,
                                                                .reason = reason});
  owner_.filter_said(filter, phase_, word, text, reason);
}

void FilterRun::end(FilterVerdict verdict) {
  lookups_.reset();
  owner_.filtered(std::move(verdict));
}

}  // namespace ringpost::mta
