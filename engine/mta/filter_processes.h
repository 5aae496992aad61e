// FilterProcesses: a core's way to the filter processes of its configuration. Every process belongs
// to one core (by its name), which speaks with the program; the others reach it by mailbox, a batch
// a turn. A process that ends, hangs or breaks the protocol is started again, after a pause that
// grows; the sessions that it knew get Unavailable, and nobody else notices. Owner: one core.
#pragma once

#include <functional>
#include <initializer_list>
#include <memory>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "engine/mta/filter_question.h"
#include "engine/mta/filter_spec.h"
#include "engine/observe/event_log.h"
#include "engine/observe/filter_metrics.h"
#include "engine/observe/logfmt.h"
#include "engine/process/parent_link.h"
#include "engine/ring/core.h"
#include "proto/conf/config.h"

namespace ringpost::mta {

class FilterRunner;
struct FilterBatch;

struct FilterSetup {
  ring::Core& core;
  observe::EventSink& events;
  observe::FilterMetrics& metrics;  // shared by all cores
  process::ParentLink* parent;      // who starts programs; null: nothing can be started
};

class FilterProcesses {
 public:
  explicit FilterProcesses(const FilterSetup& setup);
  // Only when idle().
  ~FilterProcesses();
  FilterProcesses(const FilterProcesses&) = delete;
  FilterProcesses& operator=(const FilterProcesses&) = delete;

  // Those of all cores by index, before the loop runs.
  void meet(std::vector<FilterProcesses*> all);
  // The processes of `config` that a listener or a relay uses are there from now on, and `config`
  // stays until the next use(); what it has as the one before goes on running, and what it has not
  // ends with the last session that is bound to it.
  void use(const conf::Config& config);

  // At the beginning of a session, for each process of its chain. Empty: it is not ready, wait().
  FilterBinding bind(const conf::FilterProcess& process);
  // `waiter` is told when bind() can be tried again, or that it is of no use: the process is not
  // being started, has failed too often, or the answer-timeout has passed.
  void wait(const conf::FilterProcess& process, FilterWaiter& waiter);
  void forget(FilterWaiter& waiter);

  // `line`: of filter::append_report, with its LF. For those that wants() it. Where it has no room,
  // the binding is lost.
  void report(FilterBinding& binding, std::string_view line);
  // One at a time for each binding. Parameters as filter::append_question has them.
  void ask(FilterBinding& binding, observe::SessionId session, filter::Phase phase,
           std::initializer_list<std::string_view> parameters, FilterQuestion& question);
  // Phase data-line: the content of a message, in pieces cut anywhere, with CRLF as line ends and
  // without dots of DATA; then its end. The answer's deadline begins with the end.
  void ask_lines(FilterBinding& binding, observe::SessionId session, FilterQuestion& question);
  // False: a line is longer than filters take (filter::DataLines), and the question is forgotten.
  [[nodiscard]] bool lines(FilterQuestion& question, std::string_view content);
  [[nodiscard]] bool end_lines(FilterQuestion& question);
  // Whether more content should be given now; if not, FilterQuestion::room() says when. A question
  // that is not pending has room: it takes nothing any more.
  bool has_room(FilterQuestion& question);
  // The session ends, or does not want to know any more.
  void forget(FilterQuestion& question);

  // For sessions of smtp-out: names that no other session has.
  observe::SessionId new_outgoing_session();

  // At the end of every turn: what was gathered leaves.
  void end_of_turn();
  // No session is left: programs end. idle() when nothing runs on this core and nobody else is
  // asked.
  void close();
  bool idle() const { return posts_.empty() && runners_.empty(); }

 private:
  friend class FilterPost;
  friend class FilterRunner;

  FilterPost* post_for(const conf::FilterProcess& process);
  FilterProcesses& owner_of(const FilterSpec& spec) const;
  void join(FilterPost& post, unsigned core, Duration answer_max);
  unsigned index() const { return setup_.core.index(); }
  // Not to be called from within what this leads to.
  static void call(FilterProcesses& on, std::move_only_function<void()> what);
  void deliver(FilterBatch& batch, FilterProcesses& to);

  FilterSetup setup_;
  std::vector<FilterProcesses*> all_;
  std::vector<std::unique_ptr<FilterPost>> posts_;
  std::unordered_map<const conf::FilterProcess*, FilterPost*> by_process_;
  std::vector<std::unique_ptr<FilterRunner>> runners_;  // those of this core
  std::vector<FilterWaiter*> unknown_;                  // for what this core knows nothing of
  std::uint64_t last_token_ = 0;
  std::uint64_t last_outgoing_ = 0;
  std::uint64_t last_program_ = 0;
};

}  // namespace ringpost::mta
