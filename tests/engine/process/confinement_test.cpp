// What a confined process can no longer do, each tried in a process of its own.
#include "engine/process/confinement.h"

#include <cerrno>
#include <csignal>
#include <functional>
#include <thread>

#include <fcntl.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "tests/engine/support.h"

namespace ringpost::process {
namespace {

int status_of(const std::function<int()>& life) {
  const pid_t pid = fork();
  const rlimit no_dump{};
  if (pid == 0) _exit(setrlimit(RLIMIT_CORE, &no_dump) == 0 ? life() : 99);
  int status = 0;
  EXPECT_EQ(waitpid(pid, &status, 0), pid);
  return status;
}

bool opens(const std::string& path, int flags) {
  const int file = open(path.c_str(), flags | O_CLOEXEC, 0600);
  if (file >= 0) close(file);
  return file >= 0;
}

TEST(ConfinementTest, WritesOnlyWhereItMay) {
  const test::TemporaryDirectory mine;
  const test::TemporaryDirectory other;
  const int status = status_of([&] {
    const auto done = confine_paths({mine.path(), "/no/such/folder"});
    if (!done) return 1;
    if (!*done) return 100;
    if (!opens(mine.file("new"), O_WRONLY | O_CREAT)) return 2;
    if (opens(other.file("new"), O_WRONLY | O_CREAT)) return 3;
    if (!opens("/etc/passwd", O_RDONLY) || !opens("/dev/null", O_RDWR)) return 4;
    if (opens("/etc/passwd", O_RDWR)) return 5;
    if (mkdir(other.file("folder").c_str(), 0700) == 0) return 6;
    if (rename(mine.file("new").c_str(), other.file("moved").c_str()) == 0) return 7;
    if (rename(mine.file("new").c_str(), mine.file("moved").c_str()) != 0) return 8;
    if (!is_writable_path(mine.file("a/b")) || is_writable_path(other.file("a"))) return 9;
    if (is_writable_path(mine.file("a/../../b"))) return 10;
    char* const arguments[] = {const_cast<char*>("true"), nullptr};
    pid_t pid = 0;
    if (posix_spawn(&pid, "/bin/true", nullptr, nullptr, arguments, environ) == 0) return 11;
    return 0;
  });
  if (WEXITSTATUS(status) == 100) GTEST_SKIP() << "this kernel has no Landlock";
  EXPECT_EQ(status, 0) << WEXITSTATUS(status);
}

TEST(ConfinementTest, WhoIsNotConfinedMayWriteEverywhere) {
  EXPECT_TRUE(is_writable_path("/anywhere"));
}

struct Deed {
  const char* name;
  CallSet set;
  std::function<void()> done;
  bool allowed;
};

TEST(ConfinementTest, CallsThatEndTheProcess) {
  const auto execute = [] {
    char* const arguments[] = {const_cast<char*>("true"), nullptr};
    execv("/bin/true", arguments);
  };
  const auto make_thread = [] { std::thread([] {}).join(); };
  const auto connect = [] { close(socket(AF_INET, SOCK_STREAM, 0)); };
  for (const Deed& deed :
       {Deed{"execute", CallSet::Engine, execute, false},
        Deed{"fork", CallSet::Engine, [] { fork(); }, false},
        Deed{"packet socket", CallSet::Engine, [] { socket(AF_PACKET, SOCK_RAW, 0); }, false},
        Deed{"setuid", CallSet::Engine, [] { setuid(1); }, false},
        Deed{"ring", CallSet::Engine,
             [] {
               io_uring ring;
               io_uring_queue_init(8, &ring, 0);
             },
             false},
        Deed{"thread", CallSet::Engine, make_thread, true},
        Deed{"socket", CallSet::Engine, connect, true},
        Deed{"kill", CallSet::Engine, [] { kill(getppid(), 0); }, false},
        Deed{"keys: execute", CallSet::Keys, execute, false},
        Deed{"keys: socket", CallSet::Keys, connect, false},
        Deed{"keys: listen", CallSet::Keys, [] { listen(0, 1); }, false},
        Deed{"keys: thread", CallSet::Keys, make_thread, true}}) {
    const int status = status_of([&] {
      if (!confine_calls(deed.set)) return 1;
      deed.done();
      return 0;
    });
    if (deed.allowed) {
      EXPECT_EQ(status, 0) << deed.name;
    } else {
      EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS) << deed.name << status;
    }
  }
}

// Also the threads that are there already.
TEST(ConfinementTest, AllThreads) {
  const int status = status_of([] {
    int ends[2];
    if (pipe(ends) != 0) return 1;
    std::thread other([&] {
      char octet = 0;
      if (read(ends[0], &octet, 1) == 1) setuid(1);
    });
    if (!confine_calls(CallSet::Engine)) return 2;
    if (write(ends[1], "x", 1) != 1) return 3;
    other.join();
    return 0;
  });
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS) << status;
}

// A key process has files of keys handed to it, and opens none.
TEST(ConfinementTest, TheKeyProcessOpensNothing) {
  EXPECT_EQ(status_of([] {
              if (!confine_calls(CallSet::Keys)) return 1;
              return opens("/etc/passwd", O_RDONLY) || errno != EACCES ? 2 : 0;
            }),
            0);
}

}  // namespace
}  // namespace ringpost::process
