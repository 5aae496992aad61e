// Destination: see destination.h.
#include "store/queue/destination.h"

#include <algorithm>

#include "proto/base/check.h"
#include "store/queue/index_table.h"

namespace ringpost::store {

std::uint64_t hash_of(std::string_view destination) {
  std::uint64_t hash = 0xcbf29ce484222325ULL;  // FNV-1a
  for (const char c : destination)
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x00000100000001b3ULL;
  return mix_bits(hash);
}

unsigned owner_of(std::string_view destination, unsigned cores) {
  CHECK(cores > 0);
  return static_cast<unsigned>(hash_of(destination) % cores);
}

Duration pause_of(const DestinationLimits& limits, std::string_view destination, std::uint8_t n) {
  Duration pause = limits.pause_min;
  for (unsigned i = 1; i < n && pause < limits.pause_max; ++i) pause = pause * 2;
  pause = std::min(pause, limits.pause_max);
  const auto spread = static_cast<std::uint64_t>(pause.ns / 8);
  const std::uint64_t key = mix_bits(hash_of(destination) + n);
  return pause + Duration{static_cast<std::int64_t>(spread > 0 ? key % spread : 0)};
}

}  // namespace ringpost::store
