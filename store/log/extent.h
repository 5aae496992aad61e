// Where octets lie in the spool: the segment, the place in it, and the checksum they must have.
// Plain values; a reader compares the CRC before it believes what it read.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>

namespace ringpost::store {

// One life of one segment file. Every use and reuse of a slot gets a new id from one counter that
// all logs share, so ids order lives by age and a stale reference never names a newer life.
struct SegmentId {
  std::uint32_t value = 0;  // 0: none
  constexpr auto operator<=>(const SegmentId&) const = default;
};

// `length` octets from `offset` of the segment, counted from the start of its file. Any alignment.
struct Extent {
  SegmentId segment;
  std::uint32_t offset = 0;
  std::uint32_t length = 0;
  std::uint32_t crc = 0;  // crc32c(0, the octets)
  constexpr bool operator==(const Extent&) const = default;
};

}  // namespace ringpost::store

template <>
struct std::hash<ringpost::store::SegmentId> {
  std::size_t operator()(ringpost::store::SegmentId id) const noexcept { return id.value; }
};
