// Filter processes of two cores, each in its thread: one process serves both, and when it dies both
// come to know, whichever of them owns it.
#include <array>
#include <atomic>
#include <barrier>
#include <thread>

#include "engine/mta/filter_processes.h"
#include "tests/engine/mta/filter_rig.h"

namespace ringpost::mta {
namespace {

constexpr unsigned cores = 2;
constexpr unsigned sessions_per_core = 20;
constexpr unsigned questions_per_session = 50;

// Processes of either core: which one a name belongs to is the business of its hash.
constexpr std::array names = {"spam", "virus", "other", "more"};

struct Shared {
  test::TemporaryDirectory folder;
  test::ParentThread parent;
  std::unique_ptr<observe::EventLog> log = test::open_log(folder.file("log"), cores);
  observe::FilterMetrics metrics;
  conf::Config config;
  std::vector<FilterProcesses*> all = std::vector<FilterProcesses*>(cores);
  std::barrier<> together{cores};
  std::atomic<unsigned> arrived{0};
  std::array<std::atomic<bool>, cores> idle{};
};

class CoreOfTwo {
 public:
  CoreOfTwo(unsigned index, Shared& shared)
      : index_(index),
        shared_(shared),
        core_(test::make_core({.index = index})),
        filters_({*core_, shared.log->core(index), shared.metrics, shared.parent.link.get()}) {
    core_->at_turn_end([this] { filters_.end_of_turn(); });
    shared.all[index] = &filters_;
    shared.together.arrive_and_wait();
    filters_.meet(shared.all);
    shared.together.arrive_and_wait();
    filters_.use(shared.config);
  }

  void run() {
    for (const auto& process : shared_.config.processes) {
      serve(*process);
      content(*process);
      meet();
      lose(*process);
      meet();
      serve(*process);
    }
    filters_.close();
    EXPECT_TRUE(test::run_until(*core_, [this] {
      shared_.idle[index_] = filters_.idle();
      return std::ranges::all_of(shared_.idle, [](const auto& one) { return one.load(); });
    }));
    shared_.together.arrive_and_wait();
    core_->drop_messages();
  }

 private:
  std::unique_ptr<test::NotedSession> session(const conf::FilterProcess& process) {
    auto made = std::make_unique<test::NotedSession>();
    made->id = {std::uint64_t{index_} << 56 | ++last_session_};
    EXPECT_TRUE(test::run_until(
        *core_, [&] { return static_cast<bool>(made->binding = filters_.bind(process)); }));
    return made;
  }
  void ask(test::NotedSession& session, std::string_view wish) {
    filters_.ask(session.binding, session.id, filter::Phase::Connect, {wish, "192.0.2.1"}, session);
  }

  // Turns meanwhile: the other core may need what runs on this one.
  void meet() {
    const unsigned all = cores * ++meetings_;
    ++shared_.arrived;
    EXPECT_TRUE(test::run_until(*core_, [&] { return shared_.arrived >= all; }));
  }

  void serve(const conf::FilterProcess& process) {
    std::vector<std::unique_ptr<test::NotedSession>> sessions;
    unsigned done = 0;
    for (unsigned i = 0; i < sessions_per_core; ++i) {
      sessions.push_back(session(process));
      test::NotedSession& one = *sessions.back();
      const std::string wish = "reject/550 " + std::to_string(one.id.value);
      one.then = [this, &one, &done, wish] {
        EXPECT_EQ(one.answers.back().text, "550 " + std::to_string(one.id.value));
        one.answers.size() < questions_per_session ? ask(one, wish) : static_cast<void>(++done);
      };
      ask(one, wish);
    }
    EXPECT_TRUE(test::run_until(*core_, [&] { return done == sessions_per_core; }));
  }

  void content(const conf::FilterProcess& process) {
    const auto one = session(process);
    std::string text;
    for (int i = 0; i < 50'000; ++i) text += "X line " + std::to_string(i) + "\r\n";
    filters_.ask_lines(one->binding, one->id, *one);
    std::string_view rest = text;
    EXPECT_TRUE(test::run_until(*core_, [&] {
      while (!rest.empty() && filters_.has_room(*one)) {
        EXPECT_TRUE(filters_.lines(*one, rest.substr(0, 10'000)));
        rest.remove_prefix(std::min<std::size_t>(rest.size(), 10'000));
        if (rest.empty()) EXPECT_TRUE(filters_.end_lines(*one));
      }
      return !one->answers.empty();
    }));
    EXPECT_EQ(one->answers.front().kind, FilterAnswer::Kind::Proceed);
    EXPECT_EQ(one->given.size(), text.size() + 50'000);
  }

  // Core 1 makes it die; whoever waits on either is told.
  void lose(const conf::FilterProcess& process) {
    const auto one = session(process);
    ask(*one, "silent");
    meet();
    const auto killer = index_ == 1 ? session(process) : nullptr;
    if (killer != nullptr) ask(*killer, "die");
    EXPECT_TRUE(test::run_until(*core_, [&] {
      return !one->answers.empty() && (killer == nullptr || !killer->answers.empty());
    }));
    EXPECT_EQ(one->answers.front().kind, FilterAnswer::Kind::Unavailable);
    EXPECT_TRUE(one->binding.lost());
  }

  unsigned index_;
  Shared& shared_;
  std::unique_ptr<ring::Core> core_;
  FilterProcesses filters_;
  std::uint64_t last_session_ = 0;
  unsigned meetings_ = 0;
};

TEST(FilterRunner, ServesBothCores) {
  Shared shared;
  chmod(shared.folder.path().c_str(), 0755);
  const std::string program = shared.folder.file("filter");
  std::ofstream(program) << test::obedient_filter;
  chmod(program.c_str(), 0755);
  std::vector<conf::FilterProcess> processes;
  for (const char* name : names) {
    conf::FilterProcess process;
    process.name = name;
    process.command = program;
    processes.push_back(std::move(process));
  }
  shared.config = test::filter_config(std::move(processes));
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < cores; ++i)
    threads.emplace_back([&shared, i] { CoreOfTwo(i, shared).run(); });
  for (std::thread& thread : threads) thread.join();
  std::uint64_t starts = 0;
  for (const observe::Sample& sample : shared.metrics.samples())
    if (sample.name == "ringpost_filter_starts_total") starts += sample.value;
  EXPECT_EQ(starts, 2 * names.size());
}

}  // namespace
}  // namespace ringpost::mta
