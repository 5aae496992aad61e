// What goes through one filter process (filter_answer_floor): reports, questions of 64 sessions a
// core, and content both ways, from one core and from two.
#include <algorithm>
#include <array>
#include <atomic>
#include <barrier>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <benchmark/benchmark.h>
#include <unistd.h>

#include "engine/mta/filter_processes.h"
#include "engine/ring/clock.h"
#include "proto/filter/request.h"
#include "tests/engine/mta/parent_thread.h"

namespace {

using namespace ringpost;

constexpr unsigned sessions_per_core = 64;
constexpr unsigned questions_per_core = 100'000;
constexpr unsigned reports_per_core = 500'000;
constexpr std::size_t content_octets = 64 << 20;

enum class Load { Reports, Questions, Content };

struct Session final : mta::FilterQuestion {
  void answered(mta::FilterAnswer answer) override {
    CHECK(answer.kind == mta::FilterAnswer::Kind::Proceed);
    ++*done;
  }
  void content(std::string_view lines) override { given += lines.size(); }
  void room() override {}
  mta::FilterBinding binding;
  observe::SessionId id;
  std::size_t given = 0;
  unsigned* done = nullptr;
};

struct Shared {
  explicit Shared(unsigned count) : cores(count), all(count), together(count), idle(count) {
    auto process = std::make_unique<conf::FilterProcess>();
    process->name = "bench";
    char own[4096]{};
    CHECK(readlink("/proc/self/exe", own, sizeof own - 1) > 0);
    const std::string path = own;
    process->command = path.substr(0, path.rfind('/')) + "/filter_answer_floor";
    auto filter = std::make_unique<conf::Filter>();
    filter->kind = conf::FilterKind::Process;
    filter->process = process.get();
    conf::Listener listener;
    listener.filter = filter.get();
    config.engine.user = "nobody";
    config.processes.push_back(std::move(process));
    config.filters.push_back(std::move(filter));
    config.listeners.push_back(std::move(listener));
    observe::EventLogOptions options;
    options.cores = count;
    options.path = "/dev/null";
    log = std::move(*observe::EventLog::open(std::move(options)));
  }
  unsigned cores;
  test::ParentThread parent;
  std::unique_ptr<observe::EventLog> log;
  observe::FilterMetrics metrics;
  conf::Config config;
  std::vector<mta::FilterProcesses*> all;
  std::barrier<> together;
  std::vector<std::atomic<bool>> idle;
  std::atomic<unsigned> bound{0};
  std::atomic<std::int64_t> elapsed_ns{0};
};

class BenchCore {
 public:
  BenchCore(unsigned index, Shared& shared) : index_(index), shared_(shared) {
    ring::CoreOptions options;
    options.index = index;
    options.ring.direct_files_max = 1024;
    auto core = ring::Core::create(options);
    CHECK(core);
    core_ = std::move(*core);
    filters_ = std::make_unique<mta::FilterProcesses>(mta::FilterSetup{
        *core_, shared.log->core(index), shared.metrics, shared.parent.link.get()});
    core_->at_turn_end([this] { filters_->end_of_turn(); });
    shared.all[index] = filters_.get();
    shared.together.arrive_and_wait();
    filters_->meet(shared.all);
    shared.together.arrive_and_wait();
    filters_->use(shared.config);
  }

  void run(Load load) {
    std::vector<std::unique_ptr<Session>> sessions;
    for (unsigned i = 0; i < sessions_per_core; ++i) {
      sessions.push_back(std::make_unique<Session>());
      sessions.back()->id = {std::uint64_t{index_} << 56 | (i + 1)};
      sessions.back()->done = &done_;
      until([&] {
        sessions.back()->binding = filters_->bind(*shared_.config.processes[0]);
        return static_cast<bool>(sessions.back()->binding);
      });
    }
    // Turns meanwhile: the other core may need what runs on this one.
    ++shared_.bound;
    until([this] { return shared_.bound == shared_.cores; });
    const Instant began = ring::monotonic_now();
    if (load == Load::Reports) report(*sessions[0]);
    if (load == Load::Questions) ask(sessions);
    if (load == Load::Content) pass(*sessions[0]);
    const std::int64_t elapsed = (ring::monotonic_now() - began).ns;
    if (elapsed > shared_.elapsed_ns) shared_.elapsed_ns = elapsed;
    sessions.clear();
    filters_->close();
    until([this] {
      shared_.idle[index_] = filters_->idle();
      return std::ranges::all_of(shared_.idle, [](const auto& one) { return one.load(); });
    });
    shared_.together.arrive_and_wait();
    core_->drop_messages();
  }

 private:
  template <class What>
  void until(What what) {
    core_->stop();
    core_->run(what);
  }

  // The answer to a question that follows the last report says that all were taken.
  void report(Session& session) {
    const filter::ReportHead head{
        filter::Subsystem::SmtpIn, {1'795'385'584'123'087}, session.id.value};
    std::string line;
    unsigned sent = 0;
    bool asked = false;
    until([&] {
      for (unsigned i = 0; i < 64 && sent < reports_per_core; ++i, ++sent) {
        line.clear();
        filter::append_report(line, head, filter::ReportEvent::TxMail,
                              {"0100000000abcdef", "ok", "sender@client.test"});
        filters_->report(session.binding, line);
      }
      core_->turn_again();
      if (sent == reports_per_core && !std::exchange(asked, true)) ask_one(session);
      return done_ == 1;
    });
    CHECK(!session.binding.lost());
  }

  void ask_one(Session& session) {
    filters_->ask(session.binding, session.id, filter::Phase::Connect, {"client.test", "192.0.2.1"},
                  session);
  }

  void ask(std::vector<std::unique_ptr<Session>>& sessions) {
    unsigned asked = 0;
    until([&] {
      for (const auto& session : sessions)
        if (!session->pending() && asked < questions_per_core) ask_one(*session), ++asked;
      if (asked < questions_per_core) core_->turn_again();
      return done_ == questions_per_core;
    });
  }

  void pass(Session& session) {
    std::string piece;
    while (piece.size() < 32 * 1024) piece += std::string(70, 'x') + "\r\n";
    filters_->ask_lines(session.binding, session.id, session);
    std::size_t sent = 0;
    bool ended = false;
    until([&] {
      while (sent < content_octets && filters_->has_room(session)) {
        CHECK(filters_->lines(session, piece));
        sent += piece.size();
      }
      if (sent >= content_octets && !std::exchange(ended, true))
        CHECK(filters_->end_lines(session));
      return done_ == 1;
    });
    CHECK(session.given == sent);
  }

  unsigned index_;
  Shared& shared_;
  std::unique_ptr<ring::Core> core_;
  std::unique_ptr<mta::FilterProcesses> filters_;
  unsigned done_ = 0;
};

void run(benchmark::State& state, Load load) {
  const auto cores = static_cast<unsigned>(state.range(0));
  for (auto _ : state) {
    Shared shared(cores);
    std::vector<std::thread> threads;
    for (unsigned i = 0; i < cores; ++i)
      threads.emplace_back([&shared, i, load] { BenchCore(i, shared).run(load); });
    for (std::thread& thread : threads) thread.join();
    state.SetIterationTime(static_cast<double>(shared.elapsed_ns) / 1e9);
  }
  const std::int64_t rounds = state.iterations() * cores;
  if (load == Load::Reports) state.SetItemsProcessed(rounds * reports_per_core);
  if (load == Load::Questions) state.SetItemsProcessed(rounds * questions_per_core);
  if (load == Load::Content)
    state.SetBytesProcessed(rounds * static_cast<std::int64_t>(content_octets));
}

void reports(benchmark::State& state) { run(state, Load::Reports); }
void questions(benchmark::State& state) { run(state, Load::Questions); }
void content(benchmark::State& state) { run(state, Load::Content); }
BENCHMARK(reports)->Arg(1)->Arg(2)->UseManualTime()->Unit(benchmark::kMillisecond);
BENCHMARK(questions)->Arg(1)->Arg(2)->UseManualTime()->Unit(benchmark::kMillisecond);
BENCHMARK(content)->Arg(1)->Arg(2)->UseManualTime()->Unit(benchmark::kMillisecond);

}  // namespace
