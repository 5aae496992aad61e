// What the parent, and whatever it makes, can no longer do, each tried in a process of its own.
#include "engine/process/parent_confinement.h"

#include <cerrno>
#include <csignal>
#include <functional>
#include <thread>

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/process/rights.h"
#include "tests/engine/process/parent_fixture.h"
#include "tests/engine/support.h"

namespace ringpost::process {
namespace {

int status_of(const std::function<int()>& life) {
  const pid_t pid = fork();
  if (pid == 0) _exit(life());
  int status = 0;
  EXPECT_EQ(waitpid(pid, &status, 0), pid);
  return status;
}

int exit_of_shell(const char* script) {
  const pid_t pid = fork();
  if (pid == 0) {
    execl("/bin/sh", "sh", "-c", script, nullptr);
    _exit(126);
  }
  int status = 0;
  waitpid(pid, &status, 0);
  return WEXITSTATUS(status);
}

TEST(ParentConfinementTest, WhatNobodyNeedsIsRefused) {
  const int status = status_of([] {
    if (!confine_parent(true)) return 1;
    if (ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) == 0 || errno != EPERM) return 2;
    if (unshare(CLONE_NEWUSER) == 0 || errno != EPERM) return 3;
    if (mount("none", "/nowhere", "tmpfs", 0, nullptr) == 0 || errno != EPERM) return 4;
    if (syscall(SYS_bpf, 0, nullptr, 0) == 0 || errno != EPERM) return 5;
    if (syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, nullptr, nullptr, nullptr, nullptr) >= 0)
      return 6;
    return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? 0 : 7;
  });
  EXPECT_EQ(status, 0) << WEXITSTATUS(status);
}

TEST(ParentConfinementTest, WhatIsNeededStays) {
  const int status = status_of([] {
    if (!confine_parent(true)) return 1;
    if (exit_of_shell("x=$(echo 1 | cat) && test $x = 1") != 0) return 2;
    std::thread([] {}).join();
    if (geteuid() != 0) return 0;
    const pid_t user = fork();
    if (user == 0) {
      const auto became = become({20001, 20002, {20002}});
      _exit(became && exit_of_shell("test $(id -u) = 20001") == 0 ? 0 : 1);
    }
    int end = 0;
    waitpid(user, &end, 0);
    return end == 0 ? 0 : 3;
  });
  EXPECT_EQ(status, 0) << WEXITSTATUS(status);
}

TEST(ParentConfinementTest, CapabilitiesThatStay) {
  if (geteuid() != 0) GTEST_SKIP() << "only root has any";
  const int status = status_of([] {
    if (!confine_parent(false)) return 1;
    const std::string effective = test::status_field(getpid(), "CapEff:");
    if (test::status_field(getpid(), "CapBnd:") != effective) return 2;
    const std::uint64_t left = std::stoull(effective, nullptr, 16);
    constexpr std::uint64_t system_administrator = std::uint64_t{1} << 21;
    constexpr std::uint64_t set_uid = std::uint64_t{1} << 7;
    return (left & system_administrator) == 0 && (left & set_uid) != 0 ? 0 : 3;
  });
  EXPECT_EQ(status, 0) << WEXITSTATUS(status);
}

// Becoming somebody keeps it so; what is executed is its user's own.
TEST(ParentConfinementTest, HiddenProcessesStayHidden) {
  const test::TemporaryDirectory folder;
  const int status = status_of([&] {
    if (chdir(folder.path().c_str()) != 0) return 1;
    rlimit limit{};
    getrlimit(RLIMIT_CORE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_CORE, &limit);
    hide_processes();
    if (geteuid() == 0 && !become({20001, 20002, {20002}})) return 2;
    return prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0 ? (raise(SIGABRT), 3) : 4;
  });
  EXPECT_TRUE(WIFSIGNALED(status));
  EXPECT_FALSE(WCOREDUMP(status));
}

// For developers: who is not hidden leaves a core file also after becoming somebody.
TEST(ParentConfinementTest, OthersStayVisible) {
  const int status = status_of([] {
    prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
    if (geteuid() == 0 && !become({20001, 20002, {20002}})) return 2;
    return prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 1 ? 0 : 4;
  });
  EXPECT_EQ(status, 0) << WEXITSTATUS(status);
}

}  // namespace
}  // namespace ringpost::process
