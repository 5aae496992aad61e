// Filters in their order: `report` goes on, everything else that a filter decides ends the phase,
// as in smtpd.conf(5). A built-in one that cannot decide puts the client off: it is neither a pass
// nor a fail. A process that does not answer costs the session, unless it may be left out.
#include "engine/mta/filter_run.h"

#include <algorithm>
#include <utility>

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

Phase phase_of(conf::FilterPhase phase) {
  switch (phase) {
    case conf::FilterPhase::Connect:
      return Phase::Connect;
    case conf::FilterPhase::Helo:
      return Phase::Helo;
    case conf::FilterPhase::Ehlo:
      return Phase::Ehlo;
    case conf::FilterPhase::Auth:
      return Phase::Auth;
    case conf::FilterPhase::MailFrom:
      return Phase::MailFrom;
    case conf::FilterPhase::RcptTo:
      return Phase::RcptTo;
    case conf::FilterPhase::Data:
      return Phase::Data;
    case conf::FilterPhase::Commit:
      break;
  }
  return Phase::Commit;
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
    chain_.push_back({&filter, nullptr});
    if (filter.kind == conf::FilterKind::Process)
      chain_.back().link = std::make_unique<FilterLink>(*parts_.filters, filter, session_, self);
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

bool FilterRun::ask(const Place& place) {
  if (place.link == nullptr) {
    return place.filter->kind == conf::FilterKind::Builtin &&
           phase_of(place.filter->phase) == phase_ && judge(*place.filter);
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

bool FilterRun::judge(const conf::Filter& filter) {
  if (!lookups_) lookups_.emplace(parts_, *generation_);
  conf::FilterFinding finding = conf::test_filter(generation_->config, filter, owner_.facts(),
                                                  {recipient_user_, recipient_domain_}, *lookups_);
  if (!finding.stop) return finding.holds && decide(filter);
  if (!finding.stop->waiting_for) {
    cannot_decide(filter, finding.stop->reason);
    return true;
  }
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
      report(filter::ReportEvent::FilterReport, {"builtin", filter.name, filter.text});
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

bool FilterRun::take(FilterLink& link, FilterAnswer& answer) {
  using enum FilterAnswer::Kind;
  const auto tell = [&](FilterWord word) {
    log(link.filter, word, answer.text);
    report(filter::ReportEvent::FilterResponse,
           answer.text.empty()
               ? std::initializer_list<std::string_view>{filter::response_word_of(phase_),
                                                         to_text(word)}
               : std::initializer_list<std::string_view>{filter::response_word_of(phase_),
                                                         to_text(word), answer.text});
  };
  FilterVerdict verdict;
  switch (answer.kind) {
    case Proceed:
      report(filter::ReportEvent::FilterResponse, {filter::response_word_of(phase_), "proceed"});
      return false;
    case Unavailable:
      return do_without(link, answer.text);
    case Report:
      log(link.filter, FilterWord::Report, answer.text);
      report(filter::ReportEvent::FilterReport, {"proc", link.filter.name, answer.text});
      return false;
    case Junk:
      tell(FilterWord::Junk);
      verdict.junk = true;
      break;
    case Rewrite:
      tell(FilterWord::Rewrite);
      verdict.rewritten = std::move(answer.text);
      break;
    case Reject:
    case Disconnect:
      tell(answer.kind == Reject ? FilterWord::Reject : FilterWord::Disconnect);
      verdict.reply = refusal_of(answer.text, phase_);
      verdict.kind =
          answer.kind == Reject ? FilterVerdict::Kind::Reject : FilterVerdict::Kind::Disconnect;
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
}

void FilterRun::end(FilterVerdict verdict) {
  lookups_.reset();
  owner_.filtered(std::move(verdict));
}

}  // namespace ringpost::mta
