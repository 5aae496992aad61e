// QueueId: the name of one message, unique over restarts and cores, ordered by time of acceptance
// on a core. Printed as 16 lower-case hex digits everywhere: 250 reply, Received field, log, spool
// tools, reports. High 8 bits: the core that accepted; low 56 bits: microseconds since 1970, moved
// on by one where they repeat.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "proto/base/ascii.h"

namespace ringpost {

struct QueueId {
  std::uint64_t value = 0;
  constexpr auto operator<=>(const QueueId&) const = default;
  constexpr unsigned core() const { return static_cast<unsigned>(value >> 56); }
};

inline std::string to_text(QueueId id) { return fmt::format("{:016x}", id.value); }

inline std::optional<QueueId> parse_queue_id(std::string_view text) {
  if (text.size() != 16) return std::nullopt;
  const auto value = ascii::parse_decimal<std::uint64_t>(text, 16);
  if (!value) return std::nullopt;
  return QueueId{*value};
}

}  // namespace ringpost

template <>
struct std::hash<ringpost::QueueId> {
  std::size_t operator()(ringpost::QueueId id) const noexcept {
    return static_cast<std::size_t>((id.value ^ (id.value >> 56)) * 0x9e3779b97f4a7c15ULL);
  }
};
