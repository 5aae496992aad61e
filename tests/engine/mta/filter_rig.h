// What the tests of filter processes share: a filter that does what the name of the client's
// address says; sessions that note what they get.
#pragma once

#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "engine/mta/filter_processes.h"
#include "tests/engine/mta/parent_thread.h"
#include "tests/engine/mta/rig.h"

namespace ringpost::test {

// Registers for everything, appends all lines to the file that is its argument, and answers in
// phase connect what the name of the address asks for; in other phases it proceeds. Content comes
// back with "x" before each line that begins with "X".
inline constexpr std::string_view obedient_filter = R"(#!/usr/bin/python3
import os, sys, time
log = open(sys.argv[1], 'a', buffering=1) if len(sys.argv) > 1 else open('/dev/null', 'w')
log.write('pid %d\n' % os.getpid())
out = sys.stdout.buffer
def say(text):
    out.write(text.encode('latin-1'))
    out.flush()
for line in sys.stdin.buffer:
    line = line.decode('latin-1').rstrip('\n')
    log.write(line + '\n')
    f = line.split('|')
    if line == 'config|ready':
        say('register|report|smtp-in|*\nregister|report|smtp-out|*\n'
            'register|filter|smtp-in|*\nregister|ready\n')
    if f[0] != 'filter': continue
    head = 'filter-result|%s|%s|' % (f[5], f[6])
    if f[4] == 'data-line':
        text = '|'.join(f[7:])
        if text.startswith('X'): text = 'x' + text
        out.write(('filter-dataline|%s|%s|%s\n' % (f[5], f[6], text)).encode('latin-1'))
        if text == '.': out.flush()
        continue
    wish = f[7] if f[4] == 'connect' else 'proceed'
    if wish == 'die': os._exit(3)
    elif wish == 'kill': os.kill(os.getpid(), 9)
    elif wish == 'hang': time.sleep(1000)
    elif wish == 'silent': pass
    elif wish == 'half': say('filter-res'); os._exit(0)
    elif wish == 'garbage': say('what is this?\n')
    elif wish == 'long': say('x' * 70000 + '\n')
    elif wish == 'lines': say('filter-dataline|%s|%s|x\n' % (f[5], f[6]))
    elif wish == 'stray': say('filter-result|%s|ffff|junk\nfilter-result|ff00000000000001|1|junk\n'
                              'report|0.6|1.0|smtp-in|own|x\n' % f[5]); say(head + 'proceed\n')
    elif wish == 'last': say(head + 'reject|550 last word\n'); os._exit(0)
    elif wish == 'talk': sys.stderr.write('one\ntwo\n'); sys.stderr.flush(); say(head + 'proceed\n')
    elif wish == 'shout':
        for i in range(1000): sys.stderr.write('line %d\n' % i)
        sys.stderr.flush(); say(head + 'proceed\n')
    elif wish == 'flood':
        say(head + 'proceed\n')
        while True: say('filter-result|0000000000000001|1|junk\n' * 1000)
    else: say(head + wish.replace('/', '|') + '\n')
)";

// What a session sees of one process.
struct NotedSession final : mta::FilterQuestion {
  void answered(mta::FilterAnswer answer) override {
    answers.push_back(std::move(answer));
    if (then) then();
  }
  void content(std::string_view lines) override { given.append(lines); }
  void room() override { ++rooms; }

  mta::FilterBinding binding;
  observe::SessionId id;
  std::vector<mta::FilterAnswer> answers;
  std::string given;
  unsigned rooms = 0;
  std::function<void()> then;
};

struct NotedWaiter final : mta::FilterWaiter {
  void filter_ready(bool ready) override { told.push_back(ready); }
  std::vector<bool> told;
};

// A configuration whose one listener has these processes in its chain.
inline conf::Config filter_config(std::vector<conf::FilterProcess> processes) {
  conf::Config config;
  config.server_name = "mx.example.org";
  config.engine.user = "nobody";
  auto chain = std::make_unique<conf::Filter>();
  chain->kind = conf::FilterKind::Chain;
  for (conf::FilterProcess& process : processes) {
    auto filter = std::make_unique<conf::Filter>();
    config.processes.push_back(std::make_unique<conf::FilterProcess>(std::move(process)));
    filter->kind = conf::FilterKind::Process;
    filter->process = config.processes.back().get();
    chain->chain.push_back(filter.get());
    config.filters.push_back(std::move(filter));
  }
  conf::Listener listener;
  listener.filter = chain.get();
  config.filters.push_back(std::move(chain));
  config.listeners.push_back(std::move(listener));
  return config;
}

// One core with filter processes.
class FilterRig {
 public:
  FilterRig() {
    chmod(folder.path().c_str(), 0755);
    write_program("filter", obedient_filter);
    // The program writes there as another user.
    std::ofstream(folder.file("lines"));
    chmod(folder.file("lines").c_str(), 0666);
    core->at_turn_end([this] { filters.end_of_turn(); });
  }
  FilterRig(const FilterRig&) = delete;
  FilterRig& operator=(const FilterRig&) = delete;
  ~FilterRig() {
    filters.close();
    EXPECT_TRUE(run_until(*core, [this] { return filters.idle(); }));
    core->drop_messages();
  }

  std::string write_program(const std::string& name, std::string_view text) const {
    const std::string path = folder.file(name);
    std::ofstream(path) << text;
    chmod(path.c_str(), 0755);
    return path;
  }
  conf::FilterProcess obedient(const std::string& name = "spam",
                               Duration answer_max = seconds(10)) const {
    conf::FilterProcess process;
    process.name = name;
    process.command = folder.file("filter") + " " + folder.file("lines");
    process.answer_max = answer_max;
    return process;
  }
  conf::FilterProcess scripted(const std::string& text, Duration answer_max = seconds(10)) const {
    conf::FilterProcess process;
    process.name = "spam";
    process.command = write_program("script", "#!/bin/sh\n" + text);
    process.answer_max = answer_max;
    return process;
  }
  void use(std::vector<conf::FilterProcess> processes) {
    conf::Config next = filter_config(std::move(processes));
    filters.use(next);
    config = std::move(next);
  }
  const conf::FilterProcess& process(std::size_t i = 0) const { return *config.processes[i]; }

  bool until(const std::function<bool()>& what, Duration limit = seconds(20)) {
    return run_until(*core, what, limit);
  }
  // A session, as soon as the process is ready.
  std::unique_ptr<NotedSession> session(std::size_t i = 0) {
    auto made = std::make_unique<NotedSession>();
    made->id = {++last_session};
    EXPECT_TRUE(until([&] { return static_cast<bool>(made->binding = filters.bind(process(i))); }));
    return made;
  }
  void ask(NotedSession& session, std::string_view wish) {
    filters.ask(session.binding, session.id, filter::Phase::Connect, {wish, "192.0.2.1"}, session);
  }
  mta::FilterAnswer answer(NotedSession& session, std::string_view wish) {
    ask(session, wish);
    const std::size_t before = session.answers.size();
    EXPECT_TRUE(until([&] { return session.answers.size() > before; })) << wish;
    return session.answers.size() > before ? session.answers.back() : mta::FilterAnswer{};
  }
  std::string logged() const { return read_text(folder.file("log")); }
  std::string lines() const { return read_text(folder.file("lines")); }
  bool log_has(std::string_view text) {
    return wait_for([&] { return logged().contains(text); }, seconds(5));
  }
  std::uint64_t figure(std::string_view name, std::string_view label = "") const {
    for (const observe::Sample& sample : metrics.samples())
      if (sample.name == name && sample.label.contains(label)) return sample.value;
    ADD_FAILURE() << "no figure " << name;
    return 0;
  }

  TemporaryDirectory folder;
  ParentThread parent;
  std::unique_ptr<observe::EventLog> log = open_log(folder.file("log"));
  std::unique_ptr<ring::Core> core = make_core();
  observe::FilterMetrics metrics;
  conf::Config config;
  mta::FilterProcesses filters{{*core, log->core(0), metrics, parent.link.get()}};
  std::uint64_t last_session = 0;
};

}  // namespace ringpost::test
