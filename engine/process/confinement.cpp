// Confinement: see confinement.h. seccomp(2) by libseccomp; landlock(7) by its system calls, which
// the C library has no names for.
#include "engine/process/confinement.h"

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <memory>
#include <set>
#include <string_view>

#include <fcntl.h>
#include <linux/landlock.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace ringpost::process {
namespace {

// Linux 5.19 and 6.2; the headers of Debian 12 end before the second.
constexpr std::uint64_t access_refer = std::uint64_t{1} << 13;
constexpr std::uint64_t access_truncate = std::uint64_t{1} << 14;
constexpr std::uint64_t access_write =
    LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |
    LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |
    LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK |
    LANDLOCK_ACCESS_FS_MAKE_SYM;

// Written before there are threads.
std::set<std::string, std::less<>>& writable_paths() {
  static std::set<std::string, std::less<>> paths;
  return paths;
}
std::atomic<bool> paths_are_confined{false};

long landlock_version() {
  return syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
}

std::uint64_t access_of(long version) {
  std::uint64_t access = access_write;
  if (version >= 2) access |= access_refer;
  if (version >= 3) access |= access_truncate;
  return access;
}

void allow_path(int ruleset, const std::string& path, std::uint64_t access) {
  const int file = open(path.c_str(), O_PATH | O_CLOEXEC);
  if (file < 0) return;
  landlock_path_beneath_attr rule{};
  rule.allowed_access = access;
  rule.parent_fd = file;
  syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
  close(file);
}

// Without links on the way.
std::string resolved(const std::string& path) {
  const std::unique_ptr<char, decltype(&std::free)> real(realpath(path.c_str(), nullptr),
                                                         &std::free);
  return real ? real.get() : path;
}

constexpr const char* calls_of_all[] = {"brk",
                                        "clock_getres",
                                        "clock_gettime",
                                        "clock_nanosleep",
                                        "close",
                                        "close_range",
                                        "dup",
                                        "dup3",
                                        "exit",
                                        "exit_group",
                                        "fcntl",
                                        "fstat",
                                        "futex",
                                        "getegid",
                                        "geteuid",
                                        "getgid",
                                        "getpid",
                                        "getppid",
                                        "getrandom",
                                        "gettid",
                                        "gettimeofday",
                                        "getuid",
                                        "lseek",
                                        "madvise",
                                        "membarrier",
                                        "mlock",
                                        "mlock2",
                                        "mlockall",
                                        "mmap",
                                        "mprotect",
                                        "mremap",
                                        "munlock",
                                        "munmap",
                                        "nanosleep",
                                        "newfstatat",
                                        "poll",
                                        "ppoll",
                                        "pread64",
                                        "read",
                                        "readv",
                                        "recvfrom",
                                        "recvmsg",
                                        "restart_syscall",
                                        "rseq",
                                        "rt_sigaction",
                                        "rt_sigpending",
                                        "rt_sigprocmask",
                                        "rt_sigreturn",
                                        "rt_sigtimedwait",
                                        "sched_getaffinity",
                                        "sched_getparam",
                                        "sched_getscheduler",
                                        "sched_yield",
                                        "sendmsg",
                                        "sendto",
                                        "set_robust_list",
                                        "shutdown",
                                        "sigaltstack",
                                        "sysinfo",
                                        "tgkill",
                                        "time",
                                        "uname",
                                        "write",
                                        "writev"};
constexpr const char* calls_of_engine[] = {"accept",
                                           "accept4",
                                           "access",
                                           "alarm",
                                           "bind",
                                           "chmod",
                                           "connect",
                                           "copy_file_range",
                                           "dup2",
                                           "epoll_create1",
                                           "epoll_ctl",
                                           "epoll_pwait",
                                           "epoll_pwait2",
                                           "epoll_wait",
                                           "eventfd2",
                                           "faccessat",
                                           "faccessat2",
                                           "fadvise64",
                                           "fallocate",
                                           "fchmod",
                                           "fchmodat",
                                           "fchown",
                                           "fdatasync",
                                           "flock",
                                           "fstatfs",
                                           "fsync",
                                           "ftruncate",
                                           "get_mempolicy",
                                           "getcpu",
                                           "getcwd",
                                           "getdents64",
                                           "getgroups",
                                           "getitimer",
                                           "getpeername",
                                           "getpgrp",
                                           "getpriority",
                                           "getresgid",
                                           "getresuid",
                                           "getrlimit",
                                           "getrusage",
                                           "getsid",
                                           "getsockname",
                                           "getsockopt",
                                           "io_uring_enter",
                                           "io_uring_register",
                                           "link",
                                           "linkat",
                                           "listen",
                                           "lstat",
                                           "mincore",
                                           "mkdir",
                                           "mkdirat",
                                           "msync",
                                           "open",
                                           "openat",
                                           "pause",
                                           "pipe",
                                           "pipe2",
                                           "preadv",
                                           "preadv2",
                                           "prlimit64",
                                           "pselect6",
                                           "pwrite64",
                                           "pwritev",
                                           "pwritev2",
                                           "readahead",
                                           "readlink",
                                           "readlinkat",
                                           "recvmmsg",
                                           "rename",
                                           "renameat",
                                           "renameat2",
                                           "rmdir",
                                           "sched_setaffinity",
                                           "select",
                                           "semctl",
                                           "semget",
                                           "semop",
                                           "sendfile",
                                           "sendmmsg",
                                           "setitimer",
                                           "setsockopt",
                                           "socketpair",
                                           "stat",
                                           "statfs",
                                           "statx",
                                           "symlink",
                                           "symlinkat",
                                           "sync_file_range",
                                           "times",
                                           "timer_create",
                                           "timer_delete",
                                           "timer_gettime",
                                           "timer_settime",
                                           "timerfd_create",
                                           "timerfd_settime",
                                           "umask",
                                           "unlink",
                                           "unlinkat",
                                           "utime",
                                           "utimensat",
                                           "utimes"};
// Tried by the C library or an allocator, which go on without them.
constexpr const char* calls_that_fail_of_keys[] = {"open",     "openat", "access",
                                                   "readlink", "statx",  "prlimit64"};

class Filter {
 public:
  Filter() : context_(seccomp_init(SCMP_ACT_KILL_PROCESS)) {}
  Filter(const Filter&) = delete;
  Filter& operator=(const Filter&) = delete;
  ~Filter() { seccomp_release(context_); }

  void allow(const char* name) { rule(SCMP_ACT_ALLOW, name); }
  void fail(const char* name, unsigned code) { rule(SCMP_ACT_ERRNO(code), name); }
  template <class... Conditions>
  void rule(std::uint32_t action, const char* name, Conditions... conditions) {
    const int call = seccomp_syscall_resolve_name(name);
    if (call == __NR_SCMP_ERROR) return;  // not of this processor
    const int done = seccomp_rule_add(context_, action, call, sizeof...(conditions), conditions...);
    if (done < 0) error_ = -done;
  }

  std::expected<void, Fault> load() {
    if (context_ == nullptr) return std::unexpected(Fault{"seccomp", ENOMEM});
    if (error_ == 0) error_ = -seccomp_attr_set(context_, SCMP_FLTATR_CTL_TSYNC, 1);
    if (error_ == 0) error_ = -seccomp_load(context_);
    if (error_ != 0) return std::unexpected(Fault{"seccomp", error_});
    return {};
  }

 private:
  scmp_filter_ctx context_;
  int error_ = 0;
};

scmp_arg_cmp equals(unsigned argument, scmp_datum_t value) {
  return {argument, SCMP_CMP_EQ, value, 0};
}

scmp_arg_cmp has_all(unsigned argument, scmp_datum_t bits) {
  return {argument, SCMP_CMP_MASKED_EQ, bits, bits};
}

// Threads, and nothing else that clone(2) can do. What it is asked by clone3(2) cannot be looked
// at; the C library then takes clone(2).
void allow_threads(Filter& filter) {
  filter.rule(SCMP_ACT_ALLOW, "clone", has_all(0, CLONE_THREAD | CLONE_VM | CLONE_SIGHAND));
  filter.fail("clone3", ENOSYS);
}

void allow_engine(Filter& filter) {
  for (const char* const name : calls_of_engine) filter.allow(name);
  for (const int family : {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK})
    filter.rule(SCMP_ACT_ALLOW, "socket", equals(0, static_cast<scmp_datum_t>(family)));
  constexpr unsigned terminal_settings = 0x5401;  // TCGETS: is this a terminal?
  constexpr unsigned octets_to_read = 0x541b;     // FIONREAD
  // For getaddrinfo(3): an address, or a name server, with a scope ("fe80::1%eth0").
  constexpr unsigned interface_name = 0x8910;    // SIOCGIFNAME
  constexpr unsigned interface_number = 0x8933;  // SIOCGIFINDEX
  for (const unsigned request :
       {terminal_settings, octets_to_read, interface_name, interface_number})
    filter.rule(SCMP_ACT_ALLOW, "ioctl", equals(1, request));
  for (const int option : {PR_SET_NAME, PR_GET_NAME, PR_SET_VMA, PR_GET_DUMPABLE})
    filter.rule(SCMP_ACT_ALLOW, "prctl", equals(0, static_cast<scmp_datum_t>(option)));
}

}  // namespace

std::expected<bool, Fault> confine_paths(const std::vector<std::string>& writable) {
  const long version = landlock_version();
  if (version < 1) return false;
  const std::uint64_t access = access_of(version);
  landlock_ruleset_attr attributes{};
  attributes.handled_access_fs = access | LANDLOCK_ACCESS_FS_EXECUTE;
  const auto ruleset = static_cast<int>(
      syscall(SYS_landlock_create_ruleset, &attributes, sizeof attributes.handled_access_fs, 0));
  if (ruleset < 0) return std::unexpected(Fault{"landlock_create_ruleset", errno});
  for (const std::string& path : writable) {
    allow_path(ruleset, path, access);
    writable_paths().insert({path, resolved(path)});
  }
  allow_path(ruleset, "/dev/null",
             LANDLOCK_ACCESS_FS_WRITE_FILE | (version >= 3 ? access_truncate : 0));
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
    return std::unexpected(Fault{"no_new_privs", errno});
  const long done = syscall(SYS_landlock_restrict_self, ruleset, 0);
  const int error = errno;
  close(ruleset);
  if (done != 0) return std::unexpected(Fault{"landlock_restrict_self", error});
  paths_are_confined = true;
  return true;
}

bool is_writable_path(const std::string& path) {
  if (!paths_are_confined) return true;
  if (path.contains("/../")) return false;
  std::string_view folder = path;
  while (folder.contains('/')) {
    folder = folder.substr(0, folder.rfind('/'));
    if (writable_paths().contains(folder)) return true;
  }
  return false;
}

std::expected<void, Fault> confine_calls(CallSet set) {
  Filter filter;
  for (const char* const name : calls_of_all) filter.allow(name);
  allow_threads(filter);
  if (set == CallSet::Engine) {
    allow_engine(filter);
  } else {
    for (const char* const name : calls_that_fail_of_keys) filter.fail(name, EACCES);
    filter.rule(SCMP_ACT_ALLOW, "prctl", equals(0, PR_SET_VMA));
    filter.rule(SCMP_ACT_ALLOW, "prctl", equals(0, PR_SET_NAME));
  }
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
    return std::unexpected(Fault{"no_new_privs", errno});
  return filter.load();
}

void drop_bounding_capabilities() {
  for (int capability = 0; prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; ++capability)
    prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
}

}  // namespace ringpost::process
