// A real parent in a process of its own, and the link to it as the engine has it.
#pragma once

#include <charconv>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/process/descriptor_passing.h"
#include "engine/process/parent.h"

namespace ringpost::test {

// Of /proc/PID/status; empty when there is no such process or field.
inline std::string status_field(pid_t pid, const std::string& field) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with(field)) return line.substr(field.size() + 1);
  return "";
}

// A child of `parent` that has a session of its own, as the key process has; -1: there is none.
inline pid_t session_of_child(pid_t parent) {
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const std::string name = entry.path().filename();
    pid_t pid = 0;
    std::from_chars(name.data(), name.data() + name.size(), pid);
    if (pid > 0 && getsid(pid) == pid && status_field(pid, "PPid:") == std::to_string(parent))
      return pid;
  }
  return -1;
}

// A configuration that permits this.
inline process::Configurations::Read permitting(process::Permissions permitted) {
  return [permitted = std::move(permitted)](int, int permissions) {
    const std::string octets = process::encode(permitted);
    return write(permissions, octets.data(), octets.size()) == static_cast<ssize_t>(octets.size());
  };
}

// run_parent makes the engine, so what it calls the engine here does nothing but hand its link to
// the test, and ends when the test does.
class ParentProcess {
 public:
  // `permitted`: by the configuration.
  explicit ParentProcess(process::Permissions permitted = {}) : permitted_(std::move(permitted)) {
    int ends[2];
    int last[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    EXPECT_EQ(pipe2(last, O_CLOEXEC), 0);
    pid_ = fork();
    if (pid_ == 0) {
      close(ends[0]);
      close(last[1]);
      _exit(run(ends[1], last[0]));
    }
    close(ends[1]);
    close(last[0]);
    end_ = last[1];
    std::byte room[8];
    const auto received = process::receive_with_descriptor(ends[0], room);
    close(ends[0]);
    EXPECT_TRUE(received && received->file >= 0);
    link = std::make_unique<process::ParentLink>(received ? received->file : -1, geteuid() == 0);
  }
  ParentProcess(const ParentProcess&) = delete;
  ParentProcess& operator=(const ParentProcess&) = delete;
  ~ParentProcess() {
    link.reset();
    close(end_);
    int status = 0;
    EXPECT_EQ(waitpid(pid_, &status, 0), pid_);
    EXPECT_EQ(status, 0);
  }

  std::unique_ptr<process::ParentLink> link;
  pid_t pid() const { return pid_; }

 private:
  // The link is the only datagram socket of this process that its parent has made.
  static int link_descriptor(int to_test) {
    for (int file = 3; file < 1024; ++file) {
      int type = 0;
      socklen_t octets = sizeof type;
      const bool known = getsockopt(file, SOL_SOCKET, SO_TYPE, &type, &octets) == 0;
      ucred maker{};
      octets = sizeof maker;
      if (known && type == SOCK_SEQPACKET && file != to_test &&
          getsockopt(file, SOL_SOCKET, SO_PEERCRED, &maker, &octets) == 0 && maker.pid == getppid())
        return file;
    }
    return -1;
  }

  int run(int to_test, int last) const {
    sigset_t signals;
    sigemptyset(&signals);
    for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, signal);
    sigprocmask(SIG_BLOCK, &signals, nullptr);
    process::ParentOptions options;
    options.read_configuration = permitting(permitted_);
    return process::run_parent(options, [=](const std::unique_ptr<process::ParentLink>&) {
      const auto sent = process::send_with_descriptor(to_test, "link", link_descriptor(to_test));
      char octet = 0;
      _exit(sent && read(last, &octet, 1) == 0 ? 0 : 1);
      return 1;
    });
  }

  process::Permissions permitted_;
  pid_t pid_ = -1;
  int end_ = -1;
};

}  // namespace ringpost::test
