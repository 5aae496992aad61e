// The ledger: the ids of acknowledged messages, one a line (a sink's with the recipient behind it),
// appended to a file as they are acknowledged, so that after a crash of the server every one of
// them can be looked for. Owner: one thread; several may append to the same file, lines stay whole
// (O_APPEND).
#pragma once

#include <expected>
#include <string>

#include "proto/base/fault.h"

namespace ringpost::load {

class Ledger {
 public:
  // A ledger that keeps nothing.
  Ledger() = default;
  static std::expected<Ledger, Fault> open(const std::string& path);
  ~Ledger();
  Ledger(Ledger&& other) noexcept;
  Ledger& operator=(Ledger&& other) noexcept;

  void add(std::string_view id);
  // A line of two words.
  void add(std::string_view id, std::string_view recipient);
  // Writes what was added to the file; once a turn. False when the file did not take it.
  [[nodiscard]] bool flush();

 private:
  explicit Ledger(int file) : file_(file) {}

  int file_ = -1;
  std::string pending_;
};

}  // namespace ringpost::load
