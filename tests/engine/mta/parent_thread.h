// A thread that does for a ParentLink what the parent does for filters. Not for programs that wait
// for children of their own.
#pragma once

#include <atomic>
#include <memory>
#include <thread>
#include <variant>
#include <vector>

#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/process/descriptor_passing.h"
#include "engine/process/parent_link.h"
#include "engine/process/programs.h"
#include "proto/base/check.h"

namespace ringpost::test {

class ParentThread {
 public:
  ParentThread() {
    int ends[2];
    CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0);
    link = std::make_unique<process::ParentLink>(ends[0], true);
    socket_ = ends[1];
    thread_ = std::thread([this] { run(); });
  }
  ParentThread(const ParentThread&) = delete;
  ParentThread& operator=(const ParentThread&) = delete;
  ~ParentThread() {
    stop_ = true;
    thread_.join();
    close(socket_);
  }

  std::unique_ptr<process::ParentLink> link;

 private:
  void run() {
    while (!stop_) {
      pollfd wait{socket_, POLLIN, 0};
      if (poll(&wait, 1, 10) > 0) take_request();
      for (pid_t pid = 0; (pid = waitpid(-1, nullptr, WNOHANG)) > 0;) programs_.ended(pid);
    }
    programs_.end_all();
    while (waitpid(-1, nullptr, 0) > 0) {
    }
  }

  void take_request() {
    std::vector<std::byte> room(process::request_octets_max);
    const auto received = process::receive_with_descriptor(socket_, room);
    if (!received || received->octets == 0) return;
    const auto request = process::decode_request(Bytes(room).first(received->octets));
    CHECK(request);
    if (const auto* start = std::get_if<process::StartFilter>(&*request))
      programs_.start_filter(*start, received->file, received->second);
    if (const auto* end = std::get_if<process::EndFilter>(&*request)) programs_.end_filter(*end);
    for (const int file : {received->file, received->second})
      if (file >= 0) close(file);
  }

  int socket_ = -1;
  process::Programs programs_;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

}  // namespace ringpost::test
