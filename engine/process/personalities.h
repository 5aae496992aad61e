// Personalities: lets requests of one ring act on the file system with the rights of another user,
// as a mail delivery must. Only a process that is root can; each user is registered once with the
// ring. Owner: one core, on its own thread.
#pragma once

#include <cstdint>
#include <expected>
#include <map>
#include <utility>

#include <sys/types.h>

#include "engine/ring/ring.h"
#include "proto/base/fault.h"

namespace ringpost::process {

class Personalities {
 public:
  explicit Personalities(ring::Ring& ring) : ring_(ring) {}
  ~Personalities();
  Personalities(const Personalities&) = delete;
  Personalities& operator=(const Personalities&) = delete;

  // The number for io_uring_sqe::personality; 0 (our own rights) when we are not root or that is
  // who we are.
  std::expected<std::uint16_t, Fault> of(uid_t user, gid_t group);

 private:
  std::expected<std::uint16_t, Fault> enrol(uid_t user, gid_t group);

  ring::Ring& ring_;
  std::map<std::pair<uid_t, gid_t>, std::uint16_t> known_;
};

}  // namespace ringpost::process
