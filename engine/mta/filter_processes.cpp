// The filter processes of a core: see filter_processes.h.
#include "engine/mta/filter_processes.h"

#include <algorithm>
#include <utility>

#include "engine/mta/filter_post.h"
#include "engine/mta/filter_runner.h"

namespace ringpost::mta {
namespace {

// Sessions of clients count from 1 below it.
constexpr std::uint64_t outgoing_bit = std::uint64_t{1} << 55;
constexpr unsigned core_shift = 56;

}  // namespace

FilterProcesses::FilterProcesses(const FilterSetup& setup) : setup_(setup), all_{this} {}

FilterProcesses::~FilterProcesses() { CHECK(idle()); }

void FilterProcesses::meet(std::vector<FilterProcesses*> all) { all_ = std::move(all); }

void FilterProcesses::use(const conf::Config& config) {
  by_process_.clear();
  std::vector<FilterPost*> kept;
  for (UsedFilter& used : used_filters(config)) {
    const Duration answer_max = used.process->answer_max;
    const auto found = std::ranges::find_if(
        posts_, [&used](const auto& post) { return post->serves_on(used.spec); });
    if (found == posts_.end()) {
      posts_.push_back(std::make_unique<FilterPost>(*this, used.spec, answer_max));
      FilterPost& post = *posts_.back();
      FilterProcesses& owner = owner_of(used.spec);
      call(owner,
           [&owner, &post, core = index(), answer_max] { owner.join(post, core, answer_max); });
      kept.push_back(&post);
    } else {
      (*found)->keep(answer_max);
      kept.push_back(found->get());
    }
    by_process_.emplace(used.process, kept.back());
  }
  for (const auto& post : posts_)
    if (std::ranges::find(kept, post.get()) == kept.end()) post->retire();
}

// On the core of the owner.
void FilterProcesses::join(FilterPost& post, unsigned core, Duration answer_max) {
  const auto found = std::ranges::find_if(runners_, [&](const auto& runner) {
    return runner->spec() == post.spec() && runner->takes(core);
  });
  if (found != runners_.end()) return (*found)->join(post, core, answer_max);
  runners_.push_back(
      std::make_unique<FilterRunner>(*this, post.spec(), static_cast<unsigned>(all_.size())));
  runners_.back()->join(post, core, answer_max);
}

FilterProcesses& FilterProcesses::owner_of(const FilterSpec& spec) const {
  return *all_[std::hash<std::string>{}(spec.program.name) % all_.size()];
}

void FilterProcesses::call(FilterProcesses& on, std::move_only_function<void()> what) {
  FilterCall::post(on.setup_.core, std::move(what));
}

// A message between two parts of the same core is handled at once.
void FilterProcesses::deliver(FilterBatch& batch, FilterProcesses& to) {
  if (&to == this) {
    batch.handler(batch);
  } else {
    to.setup_.core.post(batch);
  }
}

// Those of an older configuration: one that still runs may serve it.
FilterPost* FilterProcesses::post_for(const conf::FilterProcess& process) {
  if (const auto found = by_process_.find(&process); found != by_process_.end())
    return found->second;
  const auto found = std::ranges::find_if(
      posts_, [&process](const auto& post) { return post->can_serve(process); });
  return found == posts_.end() ? nullptr : found->get();
}

FilterBinding FilterProcesses::bind(const conf::FilterProcess& process) {
  FilterPost* const post = post_for(process);
  return post == nullptr ? FilterBinding() : post->bind();
}

void FilterProcesses::wait(const conf::FilterProcess& process, FilterWaiter& waiter) {
  FilterPost* const post = post_for(process);
  if (post != nullptr) return post->wait(waiter);
  unknown_.push_back(&waiter);
  setup_.core.turn_again();
}

void FilterProcesses::forget(FilterWaiter& waiter) {
  std::erase(unknown_, &waiter);
  FilterPost::forget(waiter);
}

void FilterProcesses::report(FilterBinding& binding, std::string_view line) {
  if (binding) binding.post_->report(binding, line);
}

void FilterProcesses::ask(FilterBinding& binding, observe::SessionId session, filter::Phase phase,
                          std::initializer_list<std::string_view> parameters,
                          FilterQuestion& question) {
  CHECK(binding);
  binding.post_->ask(binding, session.value, phase, parameters, question);
}

void FilterProcesses::ask_lines(FilterBinding& binding, observe::SessionId session,
                                FilterQuestion& question) {
  CHECK(binding);
  binding.post_->ask_lines(binding, session.value, question);
}

bool FilterProcesses::lines(FilterQuestion& question, std::string_view content) {
  return FilterPost::lines(question, content);
}

bool FilterProcesses::end_lines(FilterQuestion& question) {
  return FilterPost::end_lines(question);
}

bool FilterProcesses::has_room(FilterQuestion& question) { return FilterPost::has_room(question); }

void FilterProcesses::forget(FilterQuestion& question) { FilterPost::forget(question); }

observe::SessionId FilterProcesses::new_outgoing_session() {
  return {std::uint64_t{index()} << core_shift | outgoing_bit | ++last_outgoing_};
}

// Answers first, so that what they lead to leaves with the same turn.
void FilterProcesses::end_of_turn() {
  for (std::size_t i = 0; i < runners_.size(); ++i) runners_[i]->hand_out_answers();
  for (std::size_t left = unknown_.size(); left > 0 && !unknown_.empty(); --left) {
    FilterWaiter& waiter = *unknown_.front();
    unknown_.erase(unknown_.begin());
    waiter.filter_ready(false);
  }
  // Sessions are told while no post is being removed: they may bind and ask any of them.
  for (std::size_t i = 0; i < posts_.size(); ++i) posts_[i]->tell();
  std::erase_if(posts_, [](const auto& post) { return !post->end_of_turn(); });
  std::erase_if(runners_, [](const auto& runner) { return !runner->end_of_turn(); });
}

void FilterProcesses::close() {
  by_process_.clear();
  for (const auto& post : posts_) post->retire();
}

}  // namespace ringpost::mta
