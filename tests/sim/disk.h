// A disk of segment files in memory for the crash tests. A write that is under way when the machine
// stops leaves any subset of its 512-octet sectors; one that was acknowledged leaves all of them.
#pragma once

#include <cstdint>
#include <cstring>
#include <functional>
#include <vector>

#include "proto/base/bytes.h"
#include "proto/base/check.h"
#include "store/log/writer.h"

namespace ringpost::sim {

inline constexpr std::uint32_t sector_octets = 512;

struct Write {
  std::uint32_t slot = 0;
  std::uint32_t offset = 0;
  std::vector<std::byte> octets;
  std::uint32_t sectors() const {
    return static_cast<std::uint32_t>(octets.size()) / sector_octets;
  }
};

inline Write write_of(const store::WriteIntent& intent) {
  Write write{.slot = intent.slot, .offset = intent.offset, .octets = {}};
  for (Bytes part : intent.parts) {
    CHECK(part.size() % store::block_octets == 0);
    CHECK(reinterpret_cast<std::uintptr_t>(part.data()) % store::block_octets == 0);
    write.octets.insert(write.octets.end(), part.begin(), part.end());
  }
  CHECK(write.octets.size() == intent.octets && intent.offset % store::block_octets == 0);
  return write;
}

class Disk {
 public:
  Disk(std::uint32_t slots, std::uint32_t segment_octets)
      : segment_octets_(segment_octets),
        files_(slots, std::vector<std::byte>(segment_octets, std::byte{0})) {}

  // Puts those sectors of the write on the medium for which `reached(sector)` says so.
  void put(const Write& write, const std::function<bool(std::uint32_t)>& reached) {
    std::vector<std::byte>& file = files_[write.slot];
    CHECK(write.offset + write.octets.size() <= file.size());
    for (std::uint32_t sector = 0; sector < write.sectors(); ++sector) {
      if (!reached(sector)) continue;
      const std::size_t at = std::size_t{sector} * sector_octets;
      std::memcpy(file.data() + write.offset + at, write.octets.data() + at, sector_octets);
    }
  }
  void put(const Write& write) {
    put(write, [](std::uint32_t) { return true; });
  }

  Bytes read(std::uint32_t slot, std::uint32_t offset, std::uint32_t octets) const {
    const std::vector<std::byte>& file = files_[slot];
    if (offset > file.size() || octets > file.size() - offset) return {};
    return Bytes(file).subspan(offset, octets);
  }
  void flip_bit(std::uint32_t slot, std::uint32_t offset, unsigned bit) {
    files_[slot][offset] ^= std::byte{1} << (bit % 8);
  }

  std::uint32_t slots() const { return static_cast<std::uint32_t>(files_.size()); }
  std::uint32_t segment_octets() const { return segment_octets_; }

 private:
  std::uint32_t segment_octets_;
  std::vector<std::vector<std::byte>> files_;
};

}  // namespace ringpost::sim
