// What the tests of an agent's work share: content on a real socket, as an agent gets it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/process/agent_frame.h"
#include "engine/process/blocking_file.h"
#include "engine/process/content.h"
#include "tests/engine/support.h"

namespace ringpost::test {

// A message that the engine sends, in pieces; without `whole` it goes away in the middle.
class SentContent {
 public:
  explicit SentContent(std::string text, bool whole = true, std::size_t piece = 50'000) {
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends_), 0);
    content_.emplace(ends_[1], true);
    sender_ = std::thread([this, sent = std::move(text), whole, piece] {
      for (std::size_t at = 0; at < sent.size(); at += piece) {
        const std::string part = sent.substr(at, piece);
        if (!process::write_frame(ends_[0], process::frame_header(part.size()) + part)) return;
      }
      if (whole) process::write_frame(ends_[0], process::frame_header(0));
      if (!whole) shutdown(ends_[0], SHUT_RDWR);
    });
  }
  SentContent(const SentContent&) = delete;
  SentContent& operator=(const SentContent&) = delete;
  ~SentContent() {
    shutdown(ends_[1], SHUT_RDWR);
    sender_.join();
    close(ends_[0]);
    close(ends_[1]);
  }
  process::Content& content() { return *content_; }

 private:
  int ends_[2] = {-1, -1};
  std::thread sender_;
  std::optional<process::Content> content_;
};

inline std::string read_whole(const std::string& path) {
  auto file = process::File::open(path, 0);
  EXPECT_TRUE(file) << path;
  return file ? file->read(std::size_t{64} << 20).value_or("") : "";
}

}  // namespace ringpost::test
