// FilterRunner: a filter process, on the core that owns it: it starts the program, takes its
// registrations, writes to it what all cores have, hands out what it answers, and starts it again
// when it ends, hangs or breaks the protocol. Owner: one core; it goes when no core has a place
// with it any more and the program has ended.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/mta/filter_batch.h"
#include "engine/mta/filter_pipe.h"
#include "engine/mta/filter_post.h"
#include "engine/mta/filter_spec.h"
#include "proto/filter/line.h"
#include "proto/filter/registration.h"

namespace ringpost::mta {

inline constexpr Duration filter_pause_min = milliseconds(100);
inline constexpr Duration filter_pause_max = seconds(30);
inline constexpr Duration filter_sound_after = seconds(60);  // then pauses begin anew
inline constexpr Duration filter_register_max = seconds(30);
// From the end of its input: SIGTERM, SIGKILL.
inline constexpr Duration filter_term_after = seconds(1);
inline constexpr Duration filter_kill_after = seconds(4);

class FilterRunner final : FilterPipeOwner {
 public:
  FilterRunner(FilterProcesses& home, const FilterSpec& spec, unsigned cores);
  ~FilterRunner();
  FilterRunner(const FilterRunner&) = delete;
  FilterRunner& operator=(const FilterRunner&) = delete;

  const FilterSpec& spec() const { return spec_; }
  bool takes(unsigned core) const { return !retired_ && seats_[core] == nullptr; }
  void join(FilterPost& post, unsigned core, Duration answer_max);
  void set_answer_max(Duration answer_max) { answer_max_ = answer_max; }
  void leave(unsigned core);
  void lines_arrived(FilterBatch& batch);
  // A question was not answered in time. When nothing at all has come since, it hangs.
  void not_answered(std::uint64_t incarnation, Instant asked);
  void broken(std::uint64_t incarnation, const std::string& reason);
  // Before the posts of this core have their end of turn: what the program has answered goes to who
  // asked. Then: what came is written. False: it can go.
  void hand_out_answers();
  bool end_of_turn();

 private:
  enum class State : std::uint8_t {
    Paused,       // no program; there will be one at start_at_
    Registering,  // it has not yet said what it wants
    Ready,
    Stopping,  // it was told to end, and is waited for
    Closing,   // the pipe ends
  };
  // One core that has a place with us.
  struct Seat {
    FilterPost* post = nullptr;
    bool leaving = false;
    std::string pending;  // answers for it
    struct Inbound : FilterBatch {
      FilterRunner* runner = nullptr;
      FilterPost* post = nullptr;
      unsigned core = 0;
    } batch;
  };

  void received(std::string_view octets) override;
  void output_ended(int error) override;
  void said(std::string_view octets) override;
  void sent() override;

  void start();
  void take_line(std::string_view line);
  void become_ready();
  void hand_out(std::uint64_t session, std::string_view line);
  void fail(const std::string& reason);
  void pause();
  void retire();
  void tell_of_end(const std::string& reason);
  void write();
  void give_back_batches();
  void hand_over(Seat& seat);
  void log_line(std::string_view line);
  void look();
  void arm();
  Instant next_look() const;
  void let_go(unsigned core);
  static void answers_arrived(ring::Message& message);
  static void answers_back(ring::Message& message);

  FilterProcesses& home_;
  FilterSpec spec_;
  observe::FilterFigures& figures_;
  std::vector<std::unique_ptr<Seat>> seats_;  // by core
  std::size_t seats_taken_ = 0;
  Duration answer_max_ = conf::filter_answer_max_default;
  State state_ = State::Paused;
  bool retired_ = false;
  unsigned fruitless_ = 0;  // starts in a row that came to nothing
  bool failing_ = false;    // too many of those
  std::unique_ptr<FilterPipe> pipe_;
  std::uint64_t incarnation_ = 0;
  filter::LineCutter cutter_;
  std::optional<filter::Registration> registration_;
  std::string queue_;    // to be written
  std::string writing_;  // under way
  std::string_view unwritten_;
  std::deque<FilterBatch*> held_back_;  // came when the queue was full
  bool pipe_held_ = false;
  Instant start_at_{};
  Instant started_{};
  Instant ready_at_ = never;
  Instant heard_at_{};
  Instant write_began_ = never;
  Instant stop_at_ = never;
  bool told_to_end_ = false;
  bool input_ended_ = false;
  Duration pause_{};
  std::string said_;  // the beginning of a line
  Instant said_from_{};
  unsigned said_lines_ = 0;  // since said_from_
  std::uint64_t said_dropped_ = 0;
  ring::TimerOf<FilterRunner, &FilterRunner::look> timer_{*this};
};

}  // namespace ringpost::mta
