// Concurrency: how many connections one destination is given at a time, learnt from what became of
// earlier ones. Starts small, grows while all goes well and the room is used, shrinks with each
// connection that fails, and says when a destination is to be left alone. Deterministic; cannot
// fail.
#pragma once

#include <cstdint>

namespace ringpost::store {

class Concurrency {
 public:
  Concurrency() = default;
  // `initial` is at least 1.
  explicit Concurrency(std::uint16_t initial) : window_(initial) {}

  std::uint16_t window() const { return static_cast<std::uint16_t>(window_); }

  // A transaction came to its end, whatever was said of its recipients, while `in_use` connections
  // were open. The window never exceeds `most`.
  void succeeded(std::uint16_t in_use, std::uint16_t most);

  // A connection was refused, broke, or found a server that takes no mail. True: a whole window of
  // connections has failed with no success in between; leave the destination alone for a while and
  // then try a single connection.
  bool failed();

  // How often in a row the destination was left alone; 0 after any success.
  std::uint8_t pauses() const { return pauses_; }

 private:
  static constexpr float window_limit = 60'000;

  float window_ = 1;
  float careful_from_ = window_limit;  // beyond it the window grows by one for a whole window
  float failed_windows_ = 0;
  std::uint8_t pauses_ = 0;
};

}  // namespace ringpost::store
