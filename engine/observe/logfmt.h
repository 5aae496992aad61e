// LogLine: one line `time=… core=… event=… name=value …`, written into a room on the stack.
// Values come from strangers: whatever could end a line, a value or a terminal's patience is quoted
// and escaped, a value is cut at field_octets_max and the line at line_octets_max; the line is well
// formed all the same.
#pragma once

#include <array>
#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>

#include "proto/base/clock.h"
#include "proto/base/fault.h"
#include "proto/base/queue_id.h"

namespace ringpost::observe {

inline constexpr std::size_t line_octets_max = 4096;
inline constexpr std::size_t field_octets_max = 512;  // of the source text, before escaping
inline constexpr unsigned no_core = ~0u;              // prints as core=-

// A session's name in the log; unique while the daemon runs. Printed as 16 hex digits.
struct SessionId {
  std::uint64_t value = 0;
  constexpr auto operator<=>(const SessionId&) const = default;
};

// Controls (C0, DEL, C1), line and paragraph separators, invisible characters and the marks that
// turn the direction of writing could deceive a reader or a terminal: they are never shown as they
// are.
constexpr bool could_deceive(char32_t code) {
  return code < 0x20 || (code >= 0x7f && code < 0xa0) || (code >= 0x200b && code <= 0x200f) ||
         (code >= 0x2028 && code <= 0x202e) || (code >= 0x2060 && code <= 0x206f) || code == 0xfeff;
}

class LogLine {
 public:
  LogLine(WallTime now, unsigned core, std::string_view event);

  void operator()(std::string_view name, std::string_view value);
  void operator()(std::string_view name, bool value);
  void operator()(std::string_view name, QueueId value);
  void operator()(std::string_view name, SessionId value);
  void operator()(std::string_view name, Duration value);  // seconds with three digits: 0.012
  void operator()(std::string_view name, const Fault& value);
  void operator()(std::string_view name, const char* value) {
    (*this)(name, std::string_view(value));
  }
  template <std::integral Number>
    requires(!std::same_as<Number, bool>)
  void operator()(std::string_view name, Number value) {
    if constexpr (std::signed_integral<Number>)
      put_number(name, static_cast<std::int64_t>(value));
    else
      put_number(name, static_cast<std::uint64_t>(value));
  }

  // The line with its LF; valid while this object lives. Nothing may be added afterwards.
  std::string_view finish();

 private:
  bool put_name(std::string_view name, std::size_t value_octets);
  void put_number(std::string_view name, std::int64_t value);
  void put_number(std::string_view name, std::uint64_t value);
  void put_quoted(std::string_view value, bool cut);
  void put_hex(std::string_view name, std::uint64_t value);
  void put(std::string_view text);

  std::array<char, line_octets_max> room_;
  std::size_t used_ = 0;
  bool full_ = false;
};

// "2026-11-23T00:10:11.123456Z" (RFC 3339), for the log and for the tools.
std::string rfc3339_text(WallTime time);

}  // namespace ringpost::observe
