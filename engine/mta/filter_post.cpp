// A core's place with a filter process: see filter_post.h. What a session is told may lead to the
// next question, or to its end, so nothing of the lists is held across such a call.
#include "engine/mta/filter_post.h"

#include <algorithm>
#include <utility>

#include "engine/mta/filter_processes.h"
#include "engine/mta/filter_runner.h"

namespace ringpost::mta {
namespace {

constexpr std::size_t content_told_octets = 64 * 1024;
// Of the reports of one session while much waits.
constexpr std::size_t pressing_octets_max = 256 * 1024;

FilterAnswer::Kind kind_of(filter::Verdict verdict) {
  switch (verdict) {
    case filter::Verdict::Proceed:
      return FilterAnswer::Kind::Proceed;
    case filter::Verdict::Junk:
      return FilterAnswer::Kind::Junk;
    case filter::Verdict::Reject:
      return FilterAnswer::Kind::Reject;
    case filter::Verdict::Disconnect:
      return FilterAnswer::Kind::Disconnect;
    case filter::Verdict::Rewrite:
      return FilterAnswer::Kind::Rewrite;
    case filter::Verdict::Report:
      break;
  }
  return FilterAnswer::Kind::Report;
}

observe::Counter& counter_of(observe::FilterFigures& figures, FilterAnswer::Kind kind) {
  switch (kind) {
    case FilterAnswer::Kind::Proceed:
      return figures.proceeds;
    case FilterAnswer::Kind::Junk:
      return figures.junks;
    case FilterAnswer::Kind::Reject:
      return figures.rejects;
    case FilterAnswer::Kind::Disconnect:
      return figures.disconnects;
    case FilterAnswer::Kind::Rewrite:
      return figures.rewrites;
    case FilterAnswer::Kind::Report:
      return figures.filter_reports;
    case FilterAnswer::Kind::Unavailable:
      break;
  }
  return figures.unavailable;
}

}  // namespace

FilterBinding::~FilterBinding() {
  if (post_ != nullptr) --post_->bindings_;
}

bool FilterBinding::lost() const { return post_ != nullptr && !post_->serves(*this); }

bool FilterBinding::wants(filter::Subsystem subsystem, filter::ReportEvent event) const {
  return post_ != nullptr && post_->interest_.wants(subsystem, event) && post_->serves(*this);
}

bool FilterBinding::decides(filter::Phase phase) const {
  return post_ != nullptr && (!post_->serves(*this) || post_->interest_.decides(phase));
}

void FilterQuestionList::push(FilterQuestion& question) {
  question.list_ = this;
  question.previous_ = last_;
  question.next_ = nullptr;
  (last_ == nullptr ? first_ : last_->next_) = &question;
  last_ = &question;
}

void FilterQuestionList::remove(FilterQuestion& question) {
  (question.previous_ == nullptr ? first_ : question.previous_->next_) = question.next_;
  (question.next_ == nullptr ? last_ : question.next_->previous_) = question.previous_;
  question.list_ = nullptr;
}

FilterPost::FilterPost(FilterProcesses& home, const FilterSpec& spec, Duration answer_max)
    : home_(home),
      spec_(spec),
      answer_max_(answer_max),
      figures_(home.setup_.metrics.of(spec.program.name, home.index())) {
  figures_.queue.max.set(filter_queue_octets_max);
}

FilterPost::~FilterPost() {
  CHECK(bindings_ == 0 && questions_.empty());
  if (timer_.armed()) home_.setup_.core.timers().disarm(timer_);
}

void FilterPost::keep(Duration answer_max) {
  wanted_ = true;
  answer_max_ = answer_max;
  if (runner_ != nullptr)
    FilterProcesses::call(home_.owner_of(spec_),
                          [runner = runner_, answer_max] { runner->set_answer_max(answer_max); });
}

bool FilterPost::can_serve(const conf::FilterProcess& process) const {
  const process::FilterProgram& program = spec_.program;
  return !leaving_ && process.name == program.name && process.command == program.command &&
         (process.user.empty() || process.user == program.user) && process.group == program.group &&
         process.chroot == program.chroot;
}

FilterBinding FilterPost::bind() {
  FilterBinding binding;
  if (!ready_) return binding;
  binding.post_ = this;
  binding.incarnation_ = incarnation_;
  ++bindings_;
  return binding;
}

void FilterPost::wait(FilterWaiter& waiter) {
  CHECK(waiter.post_ == nullptr);
  waiter.post_ = this;
  waiter.deadline_ = home_.setup_.core.now() + answer_max_;
  waiters_.push_back(&waiter);
  arm_timer();
  if (ready_ || failing_) home_.setup_.core.turn_again();
}

void FilterPost::forget(FilterWaiter& waiter) {
  FilterPost* const post = std::exchange(waiter.post_, nullptr);
  if (post != nullptr) std::erase(post->waiters_, &waiter);
}

void FilterPost::report(FilterBinding& binding, std::string_view line) {
  if (!serves(binding)) return;
  // Who goes on talking while the process is behind loses it before the others do.
  const bool is_behind = outgoing_.size() > filter_queue_content_octets_max;
  binding.pressing_octets_ = is_behind ? binding.pressing_octets_ + line.size() : 0;
  if (outgoing_.size() > filter_queue_octets_max ||
      binding.pressing_octets_ > pressing_octets_max) {
    figures_.queue.refused.add();
    binding.broken_ = true;
    return;
  }
  outgoing_ += line;
  figures_.reports.add();
}

bool FilterPost::begin(FilterBinding& binding, std::uint64_t session, FilterQuestion& question) {
  CHECK(!question.pending() && binding.post_ == this);
  figures_.questions.add();
  question.post_ = this;
  question.session_ = session;
  question.token_ = ++home_.last_token_;
  question.incarnation_ = binding.incarnation_;
  question.asked_ = home_.setup_.core.now();
  question.lines_.reset();
  question.all_given_ = false;
  question.wants_room_ = false;
  if (!serves(binding)) {
    fail(question,
         binding.broken_ ? "the filter process could not be told everything" : end_reason_);
    return false;
  }
  if (outgoing_.size() > filter_queue_octets_max) {
    figures_.queue.refused.add();
    binding.broken_ = true;
    fail(question, "too much waits for the filter process");
    return false;
  }
  const bool is_first = questions_.emplace(session, &question).second;
  CHECK(is_first);
  return true;
}

void FilterPost::ask(FilterBinding& binding, std::uint64_t session, filter::Phase phase,
                     std::initializer_list<std::string_view> parameters, FilterQuestion& question) {
  if (!begin(binding, session, question)) return;
  const filter::Question asked{home_.setup_.core.wall(), session, question.token_, phase};
  filter::append_question(outgoing_, asked, parameters);
  await_answer(question);
}

void FilterPost::ask_lines(FilterBinding& binding, std::uint64_t session,
                           FilterQuestion& question) {
  if (begin(binding, session, question)) question.lines_.emplace(session, question.token_);
}

void FilterPost::await_answer(FilterQuestion& question) {
  question.asked_ = home_.setup_.core.now();
  question.deadline_ = question.asked_ + answer_max_;
  waiting_.push(question);
  arm_timer();
}

// Told at the end of the turn.
void FilterPost::fail(FilterQuestion& question, std::string reason) {
  question.reason_ = std::move(reason);
  failed_.push(question);
  home_.setup_.core.turn_again();
}

bool FilterPost::is_live(const FilterQuestion& question) const {
  return question.list_ != &failed_ && question.lines_ && !question.all_given_;
}

bool FilterPost::lines(FilterQuestion& question, std::string_view content) {
  FilterPost* const post = question.post_;
  if (post == nullptr || !post->is_live(question)) return true;
  if (question.lines_->append(post->outgoing_, post->home_.setup_.core.wall(), content))
    return true;
  forget(question);
  return false;
}

bool FilterPost::end_lines(FilterQuestion& question) {
  FilterPost* const post = question.post_;
  if (post == nullptr || !post->is_live(question)) return true;
  if (!question.lines_->finish(post->outgoing_, post->home_.setup_.core.wall())) {
    forget(question);
    return false;
  }
  question.all_given_ = true;
  post->await_answer(question);
  return true;
}

bool FilterPost::has_room(FilterQuestion& question) {
  FilterPost* const post = question.post_;
  if (post == nullptr || !post->is_live(question)) return true;
  if (post->outgoing_.size() < filter_queue_content_octets_max) return true;
  if (!std::exchange(question.wants_room_, true)) post->without_room_.push_back(&question);
  return false;
}

void FilterPost::forget(FilterQuestion& question) {
  if (question.post_ != nullptr) question.post_->detach(question);
}

void FilterPost::detach(FilterQuestion& question) {
  if (question.list_ != nullptr) question.list_->remove(question);
  if (const auto found = questions_.find(question.session_);
      found != questions_.end() && found->second == &question)
    questions_.erase(found);
  if (question.wants_room_) std::erase(without_room_, &question);
  if (content_of_ == &question) {
    content_of_ = nullptr;
    content_.clear();
  }
  question.post_ = nullptr;
}

void FilterPost::settle(FilterQuestion& question, FilterAnswer answer) {
  counter_of(figures_, answer.kind).add();
  if (answer.kind != FilterAnswer::Kind::Unavailable) {
    const Duration waited = home_.setup_.core.now() - question.asked_;
    figures_.answer_wait.record(static_cast<std::uint64_t>(std::max<std::int64_t>(waited.ns, 0)) /
                                1000);
  }
  detach(question);
  question.answered(std::move(answer));
}

void FilterPost::ready(std::uint64_t incarnation, const filter::Interest& interest) {
  incarnation_ = incarnation;
  interest_ = interest;
  ready_ = true;
  failing_ = false;
}

void FilterPost::ended(std::uint64_t incarnation, const std::string& reason, bool failing) {
  failing_ = failing;
  end_reason_ = reason;
  if (incarnation != incarnation_ || !ready_) return;
  ready_ = false;
  outgoing_.clear();
  // Who asks again meanwhile fails without being one of these.
  while (!questions_.empty()) {
    FilterQuestion& question = *questions_.begin()->second;
    settle(question, {FilterAnswer::Kind::Unavailable, reason});
  }
}

FilterQuestion* FilterPost::find(std::uint64_t session, std::uint64_t token) {
  const auto found = questions_.find(session);
  if (found != questions_.end() && found->second->token_ == token) return found->second;
  figures_.strays.add();
  return nullptr;
}

void FilterPost::take(const filter::Result& result) {
  FilterQuestion* const question = find(result.session, result.token);
  if (question == nullptr) return;
  if (question->lines_) {
    FilterProcesses::call(home_.owner_of(spec_), [runner = runner_, incarnation = incarnation_] {
      runner->broken(incarnation, "it decides where content is asked for");
    });
    return;
  }
  settle(*question, {kind_of(result.verdict), std::string(result.text)});
}

void FilterPost::take(const filter::DataLine& line) {
  FilterQuestion* question = find(line.session, line.token);
  if (question == nullptr) return;
  if (!question->lines_ || (line.is_end && !question->all_given_)) {
    FilterProcesses::call(home_.owner_of(spec_), [runner = runner_, incarnation = incarnation_] {
      runner->broken(incarnation, "it gives content that it was not given");
    });
    return;
  }
  if (line.is_end || content_of_ != question || content_.size() > content_told_octets) {
    give_content();
    question = find(line.session, line.token);  // perhaps it has just been forgotten
    if (question == nullptr) return;
  }
  if (!line.is_end) {
    content_of_ = question;
    content_ += line.line;
    // What would be a bare CR in the message.
    std::ranges::replace(content_.end() - static_cast<std::ptrdiff_t>(line.line.size()),
                         content_.end(), '\r', ' ');
    content_ += "\r\n";
    return;
  }
  settle(*question, {FilterAnswer::Kind::Proceed, {}});
}

void FilterPost::give_content() {
  FilterQuestion* const question = std::exchange(content_of_, nullptr);
  const std::string content = std::exchange(content_, {});
  if (question != nullptr) question->content(content);
}

void FilterPost::answers_arrived(FilterBatch& batch) {
  std::string_view rest = batch.octets;
  while (ready_ && batch.incarnation == incarnation_ && !rest.empty()) {
    const std::size_t end = rest.find('\n');
    const auto answer = filter::read_answer(rest.substr(0, end));
    CHECK(answer);  // the owner has read it, too
    rest.remove_prefix(end + 1);
    std::visit([this](const auto& one) { take(one); }, *answer);
  }
  give_content();
}

// Those that come again while they are told are for the next turn.
void FilterPost::tell_waiters() {
  for (std::size_t left = waiters_.size(); left > 0 && !waiters_.empty(); --left) {
    const bool is_late = waiters_.front()->deadline_ <= home_.setup_.core.now();
    if (!ready_ && !failing_ && !is_late) return;
    FilterWaiter& waiter = *waiters_.front();
    waiters_.pop_front();
    waiter.post_ = nullptr;
    waiter.filter_ready(ready_);
  }
}

void FilterPost::tell_failed() {
  for (FilterQuestion* question = nullptr; (question = failed_.first()) != nullptr;) {
    std::string reason = std::move(question->reason_);
    settle(*question, {FilterAnswer::Kind::Unavailable, std::move(reason)});
  }
}

void FilterPost::tell_of_room() {
  for (std::size_t left = without_room_.size();
       left > 0 && !without_room_.empty() && outgoing_.size() < filter_queue_content_octets_max;
       --left) {
    FilterQuestion& question = *without_room_.front();
    without_room_.erase(without_room_.begin());
    question.wants_room_ = false;
    question.room();
  }
}

void FilterPost::flush() {
  if (ready_ && outbound_.at_home && !outgoing_.empty()) {
    outbound_.octets.swap(outgoing_);
    outbound_.incarnation = incarnation_;
    outbound_.at_home = false;
    outbound_.handler = &FilterPost::batch_arrived;
    home_.deliver(outbound_, home_.owner_of(spec_));
  }
  figures_.queue.used.set(outgoing_.size() + (outbound_.at_home ? 0 : outbound_.octets.size()));
}

// On the core of the owner.
void FilterPost::batch_arrived(ring::Message& message) {
  auto& batch = static_cast<Outbound&>(message);
  batch.post.runner_->lines_arrived(batch);
}

void FilterPost::batch_back(ring::Message& message) {
  auto& batch = static_cast<Outbound&>(message);
  batch.at_home = true;
  batch.octets.clear();
  FilterPost& post = batch.post;
  if (!post.outgoing_.empty() || !post.without_room_.empty()) post.home_.setup_.core.turn_again();
}

void FilterPost::time_is_up() {
  const Instant now = home_.setup_.core.now();
  while (waiting_.first() != nullptr && waiting_.first()->deadline_ <= now) {
    FilterQuestion& question = *waiting_.first();
    figures_.late.add();
    FilterProcesses::call(home_.owner_of(spec_),
                          [runner = runner_, incarnation = question.incarnation_,
                           asked = question.asked_] { runner->not_answered(incarnation, asked); });
    settle(question, {FilterAnswer::Kind::Unavailable, "it has not answered in time"});
  }
  tell_waiters();
  arm_timer();
}

void FilterPost::arm_timer() {
  Instant next = never;
  if (waiting_.first() != nullptr) next = waiting_.first()->deadline_;
  if (!waiters_.empty()) next = std::min(next, waiters_.front()->deadline_);
  if (next != never && (!timer_.armed() || next < timer_.deadline()))
    home_.setup_.core.timers().arm(timer_, next);
}

bool FilterPost::can_go() const {
  return !wanted_ && bindings_ == 0 && questions_.empty() && failed_.first() == nullptr &&
         waiters_.empty() && outbound_.at_home && runner_ != nullptr;
}

void FilterPost::tell() {
  tell_waiters();
  tell_failed();
  tell_of_room();
}

bool FilterPost::end_of_turn() {
  flush();
  if (can_go() && !std::exchange(leaving_, true))
    FilterProcesses::call(home_.owner_of(spec_),
                          [runner = runner_, core = home_.index()] { runner->leave(core); });
  return !gone_;
}

}  // namespace ringpost::mta
