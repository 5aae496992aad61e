// How much the log says.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

namespace ringpost::observe {

// Brief is always written; Verbose after `ringpostctl log verbose` or `ringpostd -v`, or while its
// subsystem is traced; Traced only then.
enum class Level : std::uint8_t { Brief, Verbose, Traced };

// What `ringpostctl trace` can show.
enum class Subsystem : std::uint8_t { Smtp, Filters, Lookup, Rules, Expand };
inline constexpr std::array<std::string_view, 5> subsystem_words{"smtp", "filters", "lookup",
                                                                 "rules", "expand"};

constexpr std::optional<Subsystem> subsystem_of(std::string_view word) {
  for (std::uint8_t i = 0; i < subsystem_words.size(); ++i)
    if (subsystem_words[i] == word) return static_cast<Subsystem>(i);
  return std::nullopt;
}

// Which lines are wanted: one number, so that asking is one load.
class Shown {
 public:
  constexpr explicit Shown(std::uint32_t bits = 0) : bits_(bits) {}
  constexpr std::uint32_t bits() const { return bits_; }
  static constexpr Shown of(Subsystem subsystem) {
    return Shown(1u << std::to_underlying(subsystem));
  }
  static constexpr Shown verbose() { return Shown(1u << 31); }
  static constexpr Shown all_subsystems() { return Shown((1u << subsystem_words.size()) - 1); }

  // An event of Verbose or Traced.
  constexpr bool wants(Level level, Subsystem subsystem) const {
    const std::uint32_t by_level = level == Level::Verbose ? verbose().bits_ : 0;
    return (bits_ & (by_level | of(subsystem).bits_)) != 0;
  }

 private:
  std::uint32_t bits_;
};

}  // namespace ringpost::observe
