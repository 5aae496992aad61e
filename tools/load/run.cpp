// Threads, signals and the sum; see run.h.
#include "tools/load/run.h"

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include <signal.h>
#include <sys/resource.h>

#include "engine/ring/clock.h"
#include "tools/load/sink.h"
#include "tools/load/source.h"

namespace ringpost::load {
namespace {

constexpr timespec poll_pause{.tv_sec = 0, .tv_nsec = 5'000'000};

// One thread's worker, made and freed by the thread itself: a ring belongs to the thread that made
// it. The lock is for those who ask from outside.
template <class Worker>
struct Seat {
  Statistics statistics;
  std::mutex lock;
  std::unique_ptr<Worker> worker;
  std::optional<Fault> fault;
  bool is_set_up = false;
  std::atomic<bool> is_over{false};

  // What SIGUSR1 asks for; the worker's thread fills it in, under the lock.
  struct CountsAsked : ring::Message {
    explicit CountsAsked(Seat& owner) : Message(&CountsAsked::answer), seat(owner) {}
    static void answer(ring::Message& message) {
      Seat& seat = static_cast<CountsAsked&>(message).seat;
      const std::scoped_lock hold(seat.lock);
      seat.counts = Report::of(seat.statistics);
      seat.is_asked = false;
    }
    Seat& seat;
  };
  CountsAsked counts_asked{*this};
  bool is_asked = false;
  Report counts;
};

template <class Worker, class Create>
void work(Seat<Worker>& seat, const Create& create) {
  auto worker = create(seat.statistics);
  Worker* const running = worker ? worker->get() : nullptr;
  {
    const std::scoped_lock hold(seat.lock);
    seat.is_set_up = true;
    if (worker)
      seat.worker = std::move(*worker);
    else
      seat.fault = worker.error();
  }
  if (running != nullptr) {
    running->run_to_end();
    const std::scoped_lock hold(seat.lock);
    seat.worker.reset();
  }
  seat.is_over.store(true, std::memory_order_release);
}

sigset_t signals_taken() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGUSR1);
  return signals;
}

// A sink may listen on thousands of addresses, a source open thousands of connections.
void raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

double cpu_seconds() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  const auto of = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return of(used.ru_utime) + of(used.ru_stime);
}

// Tells a script that waits for it, once, that every idle session is open.
class IdleAnnouncement {
 public:
  explicit IdleAnnouncement(unsigned wanted) : wanted_(wanted) {}

  void update(std::uint64_t held) {
    if (told_ || wanted_ == 0 || held < wanted_) return;
    told_ = true;
    std::fprintf(stderr, "ringpost-load: %u sessions are open\n", wanted_);
  }

 private:
  unsigned wanted_;
  bool told_ = false;
};

template <class Worker>
bool all_over(const std::vector<Seat<Worker>>& seats) {
  return std::ranges::all_of(
      seats, [](const auto& seat) { return seat.is_over.load(std::memory_order_acquire); });
}

struct State {
  bool all_set_up = true;
  bool any_fault = false;
  std::uint64_t sessions_held = 0;
};

template <class Worker>
State state_of(std::vector<Seat<Worker>>& seats) {
  State state;
  for (auto& seat : seats) {
    const std::scoped_lock hold(seat.lock);
    state.all_set_up = state.all_set_up && seat.is_set_up;
    state.any_fault = state.any_fault || seat.fault.has_value();
    state.sessions_held += seat.statistics.sessions_held.value();
  }
  return state;
}

template <class Worker>
void stop_all(std::vector<Seat<Worker>>& seats) {
  for (auto& seat : seats) {
    const std::scoped_lock hold(seat.lock);
    if (seat.worker) seat.worker->stop();
  }
}

// Prints what was counted so far, once each thread has said it. A thread that has ended keeps
// still.
template <class Worker>
class CountsSoFar {
 public:
  CountsSoFar(std::vector<Seat<Worker>>& seats, const Options& options)
      : seats_(seats), options_(options) {}

  void ask() {
    wanted_ = true;
    for (auto& seat : seats_) {
      const std::scoped_lock hold(seat.lock);
      if (!seat.worker || seat.is_asked) continue;
      seat.is_asked = true;
      seat.worker->core().post(seat.counts_asked);
    }
  }

  void print_when_known() {
    if (!wanted_) return;
    Report report;
    for (auto& seat : seats_) {
      const std::scoped_lock hold(seat.lock);
      const bool is_over = seat.is_over.load(std::memory_order_acquire);
      if (!is_over && seat.is_asked) return;
      if (is_over)
        report.add(seat.statistics);
      else
        report.add(seat.counts);
    }
    wanted_ = false;
    report.cpu_seconds = cpu_seconds();
    std::puts((options_.json ? to_json(report, options_) : to_line(report, options_)).c_str());
    std::fflush(stdout);
  }

 private:
  std::vector<Seat<Worker>>& seats_;
  const Options& options_;
  bool wanted_ = false;
};

// Waits until every thread is over, and asks them to stop at the first signal or fault.
template <class Worker>
void watch(std::vector<Seat<Worker>>& seats, const Options& options) {
  const sigset_t signals = signals_taken();
  IdleAnnouncement announcement(options.idle_sessions);
  CountsSoFar<Worker> counts(seats, options);
  bool wanted = false;
  bool stopped = false;
  while (!all_over(seats)) {
    const int signal = sigtimedwait(&signals, nullptr, &poll_pause);
    wanted = wanted || signal == SIGINT || signal == SIGTERM;
    const State state = state_of(seats);
    announcement.update(state.sessions_held);
    if (signal == SIGUSR1) counts.ask();
    counts.print_when_known();
    if (stopped || !state.all_set_up || !(wanted || state.any_fault)) continue;
    stopped = true;
    stop_all(seats);
  }
}

template <class Worker, class Create>
std::expected<Report, Fault> run_threads(const Options& options, const Create& create) {
  std::vector<Seat<Worker>> seats(options.threads);
  std::vector<std::thread> threads;
  for (unsigned number = 0; number < options.threads; ++number)
    threads.emplace_back([&seat = seats[number], &create, number] {
      work(seat, [&create, number](Statistics& statistics) { return create(number, statistics); });
    });
  watch(seats, options);
  for (std::thread& thread : threads) thread.join();
  Report report;
  for (const auto& seat : seats) {
    if (seat.fault) return std::unexpected(*seat.fault);
    report.add(seat.statistics);
  }
  report.sessions_wanted = options.idle_sessions;
  report.cpu_seconds = cpu_seconds();
  return report;
}

}  // namespace

std::expected<Report, Fault> run(const Options& options) {
  // Threads inherit the mask, so the signals come to watch() and to nobody else.
  const sigset_t signals = signals_taken();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  raise_descriptor_limit();
  if (options.mode == Mode::Sink) {
    return run_threads<Sink>(options, [&options](unsigned thread, Statistics& statistics) {
      return Sink::create(options, thread, statistics);
    });
  }
  const Plan plan(options, ring::wall_now());
  return run_threads<Source>(options, [&plan](unsigned thread, Statistics& statistics) {
    return Source::create(plan, thread, statistics);
  });
}

}  // namespace ringpost::load
