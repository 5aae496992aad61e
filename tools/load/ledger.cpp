// The ledger file; see ledger.h.
#include "tools/load/ledger.h"

#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

namespace ringpost::load {

std::expected<Ledger, Fault> Ledger::open(const std::string& path) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (file < 0) return std::unexpected(Fault{"open", errno, path});
  return Ledger(file);
}

Ledger::Ledger(Ledger&& other) noexcept
    : file_(std::exchange(other.file_, -1)), pending_(std::move(other.pending_)) {}

Ledger& Ledger::operator=(Ledger&& other) noexcept {
  std::swap(file_, other.file_);
  std::swap(pending_, other.pending_);
  return *this;
}

Ledger::~Ledger() {
  if (file_ >= 0) close(file_);
}

void Ledger::add(std::string_view id) {
  if (file_ < 0) return;
  pending_ += id;
  pending_ += '\n';
}

void Ledger::add(std::string_view id, std::string_view recipient) {
  if (file_ < 0) return;
  pending_.append(id).append(" ");
  add(recipient);
}

bool Ledger::flush() {
  if (pending_.empty()) return true;
  const ssize_t written = write(file_, pending_.data(), pending_.size());
  const bool complete = written == static_cast<ssize_t>(pending_.size());
  pending_.clear();
  return complete;
}

}  // namespace ringpost::load
