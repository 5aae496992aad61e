// The few ways in which numbers and texts are written, in the spool and between our processes:
// little-endian fixed fields, minimal LEB128 numbers, texts with their length before them. Reading
// is strict: one encoding per value.
#pragma once

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "proto/base/bytes.h"
#include "proto/base/check.h"

namespace ringpost {

static_assert(std::endian::native == std::endian::little, "fixed fields are copied as they are");

// Counts what FieldWriter would write.
struct FieldCounter {
  std::size_t octets = 0;
  void put(Bytes field) { octets += field.size(); }
};

// Writes into `room`; CHECKs that it fits.
struct FieldWriter {
  MutableBytes room;
  std::size_t used = 0;
  void put(Bytes field) {
    CHECK(field.size() <= room.size() - used);
    if (!field.empty()) std::memcpy(room.data() + used, field.data(), field.size());
    used += field.size();
  }
};

template <std::integral Number>
void put_fixed(auto& sink, Number value) {
  sink.put(std::as_bytes(std::span<const Number, 1>(&value, 1)));
}

inline void put_number(auto& sink, std::uint32_t value) {
  for (; value >= 0x80; value >>= 7) put_fixed(sink, static_cast<std::uint8_t>(value | 0x80));
  put_fixed(sink, static_cast<std::uint8_t>(value));
}

inline void put_text(auto& sink, std::string_view text) {
  put_number(sink, static_cast<std::uint32_t>(text.size()));
  sink.put(bytes_of(text));
}

// Takes fields off the front. After the first one that is wrong everything reads as zero and ok()
// is false, so a decoder asks once, at the end.
class FieldReader {
 public:
  explicit FieldReader(Bytes octets) : left_(octets) {}

  template <std::integral Number>
  Number fixed() {
    Number value{};
    const Bytes field = take(sizeof(Number));
    if (!field.empty()) std::memcpy(&value, field.data(), sizeof(Number));
    return value;
  }

  std::uint32_t number(std::uint32_t max = 0xffff'ffffu) {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 35; shift += 7) {
      const auto octet = fixed<std::uint8_t>();
      value |= static_cast<std::uint64_t>(octet & 0x7f) << shift;
      if (octet >= 0x80) continue;
      const bool minimal = octet != 0 || shift == 0;
      if (!minimal || value > max) break;
      return ok_ ? static_cast<std::uint32_t>(value) : 0;
    }
    ok_ = false;
    return 0;
  }

  std::string text(std::uint32_t octets_max) { return std::string(view(octets_max)); }
  // The same where it stands.
  std::string_view view(std::uint32_t octets_max) { return text_of(take(number(octets_max))); }

  // Notes that a value cannot be, for reasons that only the caller knows.
  void require(bool condition) { ok_ = ok_ && condition; }
  bool ok() const { return ok_; }
  bool at_end() const { return left_.empty(); }
  // All that is left.
  std::string_view rest() { return text_of(take(left_.size())); }

 private:
  Bytes take(std::size_t octets) {
    ok_ = ok_ && octets <= left_.size();
    if (!ok_) return {};
    const Bytes field = left_.first(octets);
    left_ = left_.subspan(octets);
    return field;
  }

  Bytes left_;
  bool ok_ = true;
};

}  // namespace ringpost
