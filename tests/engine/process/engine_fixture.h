// A real parent whose engine is a function of the test's.
#pragma once

#include <csignal>
#include <cstdio>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <string>

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/process/parent.h"
#include "tests/engine/process/parent_fixture.h"
#include "tests/engine/support.h"

namespace ringpost::test {

using Engine = std::function<int(process::ParentLink&)>;

// A parent with `engine`, in a process of its own, whose standard error goes to `log`.
inline pid_t start_parent(const Engine& engine, const std::string& log,
                          process::ParentOptions options = {}) {
  if (!options.read_configuration) options.read_configuration = permitting({});
  sigset_t signals;
  sigset_t before;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, signal);
  sigprocmask(SIG_BLOCK, &signals, &before);
  const pid_t pid = fork();
  if (pid != 0) {
    sigprocmask(SIG_SETMASK, &before, nullptr);
    return pid;
  }
  freopen(log.c_str(), "a", stderr);
  const rlimit no_dump{};
  setrlimit(RLIMIT_CORE, &no_dump);
  const int status = process::run_parent(options, [&](std::unique_ptr<process::ParentLink> link) {
    _exit(engine(*link));
    return 1;
  });
  std::fflush(stderr);
  _exit(status);
}

inline int end_of(pid_t pid) {
  int status = 0;
  EXPECT_EQ(waitpid(pid, &status, 0), pid);
  return status;
}

inline int sleep_until_signal() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, signal);
  int got = 0;
  sigwait(&signals, &got);
  return got;
}

class ParentTest : public testing::Test {
 protected:
  std::string log() const {
    std::ifstream file(log_);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  test::TemporaryDirectory folder_;
  std::string log_ = folder_.file("log");
};

}  // namespace ringpost::test
