// Random octets that nobody can foresee. Never short for so few, and never interrupted once the
// pool is ready (random(7)).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include <sys/random.h>

#include "proto/base/check.h"
#include "proto/base/keyed_hash.h"

namespace ringpost::mta {

// At most 256 octets.
inline void fill_random(std::span<std::byte> room) {
  CHECK(getrandom(room.data(), room.size(), 0) == static_cast<ssize_t>(room.size()));
}

inline std::uint64_t random_number() {
  std::uint64_t number = 0;
  fill_random(std::as_writable_bytes(std::span(&number, 1)));
  return number;
}

// For tables whose keys strangers choose.
inline HashKey random_key() { return {random_number(), random_number()}; }

}  // namespace ringpost::mta
