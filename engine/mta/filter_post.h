// FilterPost: a core's place with one filter process, wherever that runs: what waits to be sent to
// it, who waits for its answers and until when. Owner: one core. It goes when the configuration has
// no such process any more, no session is bound to it, and the owner of the process has let it go.
#pragma once

#include <deque>
#include <initializer_list>
#include <string>
#include <unordered_map>
#include <vector>

#include "engine/mta/filter_batch.h"
#include "engine/mta/filter_question.h"
#include "engine/mta/filter_spec.h"
#include "engine/observe/filter_metrics.h"
#include "engine/observe/logfmt.h"
#include "proto/filter/answer.h"

namespace ringpost::mta {

class FilterProcesses;
class FilterRunner;

// Of what waits on one core: more content is not asked for above the first; reports and questions
// are refused above the second.
inline constexpr std::size_t filter_queue_content_octets_max = 512 * 1024;
inline constexpr std::size_t filter_queue_octets_max = 8 * 1024 * 1024;

// In the order in which they were put there.
class FilterQuestionList {
 public:
  FilterQuestion* first() const { return first_; }
  void push(FilterQuestion& question);
  void remove(FilterQuestion& question);

 private:
  FilterQuestion* first_ = nullptr;
  FilterQuestion* last_ = nullptr;
};

class FilterPost {
 public:
  FilterPost(FilterProcesses& home, const FilterSpec& spec, Duration answer_max);
  ~FilterPost();
  FilterPost(const FilterPost&) = delete;
  FilterPost& operator=(const FilterPost&) = delete;

  const FilterSpec& spec() const { return spec_; }
  // The configuration has it, with this limit / has it not: only who is bound already is served.
  void keep(Duration answer_max);
  void retire() { wanted_ = false; }
  bool serves_on(const FilterSpec& spec) const { return !leaving_ && spec == spec_; }
  bool can_serve(const conf::FilterProcess& process) const;
  FilterBinding bind();
  void wait(FilterWaiter& waiter);
  static void forget(FilterWaiter& waiter);
  void report(FilterBinding& binding, std::string_view line);
  void ask(FilterBinding& binding, std::uint64_t session, filter::Phase phase,
           std::initializer_list<std::string_view> parameters, FilterQuestion& question);
  void ask_lines(FilterBinding& binding, std::uint64_t session, FilterQuestion& question);
  static bool lines(FilterQuestion& question, std::string_view content);
  static bool end_lines(FilterQuestion& question);
  static bool has_room(FilterQuestion& question);
  static void forget(FilterQuestion& question);
  // At the end of a turn those who wait are told; when all posts have done so, what was gathered
  // leaves, and nobody is told anything. False: it can go.
  void tell();
  bool end_of_turn();

  // From the owner of the process.
  void welcome(FilterRunner& runner) { runner_ = &runner; }
  void ready(std::uint64_t incarnation, const filter::Interest& interest);
  void ended(std::uint64_t incarnation, const std::string& reason, bool failing);
  void answers_arrived(FilterBatch& batch);
  void let_go() { gone_ = true; }

 private:
  friend class FilterBinding;

  bool serves(const FilterBinding& binding) const {
    return ready_ && !binding.broken_ && binding.incarnation_ == incarnation_;
  }
  bool begin(FilterBinding& binding, std::uint64_t session, FilterQuestion& question);
  void await_answer(FilterQuestion& question);
  void fail(FilterQuestion& question, std::string reason);
  void settle(FilterQuestion& question, FilterAnswer answer);
  void detach(FilterQuestion& question);
  void take(const filter::Result& result);
  void take(const filter::DataLine& line);
  void take(const filter::OwnReport&) {}
  FilterQuestion* find(std::uint64_t session, std::uint64_t token);
  void give_content();
  void tell_waiters();
  void tell_failed();
  void tell_of_room();
  void flush();
  void time_is_up();
  void arm_timer();
  bool is_live(const FilterQuestion& question) const;
  bool can_go() const;
  static void batch_arrived(ring::Message& message);
  static void batch_back(ring::Message& message);

  FilterProcesses& home_;
  FilterSpec spec_;
  Duration answer_max_;
  observe::FilterFigures& figures_;
  FilterRunner* runner_ = nullptr;
  bool wanted_ = true;
  bool leaving_ = false;
  bool gone_ = false;
  bool failing_ = false;
  bool ready_ = false;
  std::uint64_t incarnation_ = 0;
  std::string end_reason_ = "the filter process is not ready";
  filter::Interest interest_;
  std::size_t bindings_ = 0;
  std::unordered_map<std::uint64_t, FilterQuestion*> questions_;  // by session
  FilterQuestionList waiting_;  // those with a deadline, the earliest first
  FilterQuestionList failed_;   // to be told at the end of the turn
  std::vector<FilterQuestion*> without_room_;
  std::deque<FilterWaiter*> waiters_;  // the earliest deadline first
  std::string outgoing_;
  std::string content_;  // that came back for content_of_, not told yet
  FilterQuestion* content_of_ = nullptr;
  struct Outbound : FilterBatch {
    explicit Outbound(FilterPost& whose) : post(whose) {}
    FilterPost& post;
  };
  friend class FilterRunner;
  Outbound outbound_{*this};
  ring::TimerOf<FilterPost, &FilterPost::time_is_up> timer_{*this};
};

}  // namespace ringpost::mta
