// Database: many regular expressions compiled into one (Hyperscan), so that a text is read once for
// all of them. Compiling takes seconds for thousands of expressions and belongs on no serving
// thread; the image it serialises to loads in milliseconds. Faults are values: every bad expression
// with its index, or why an image cannot be used.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "proto/base/bytes.h"

struct hs_database;

namespace ringpost::scan {

struct PatternOptions {
  bool any_case = false;     // letters match in both cases (ASCII)
  bool multi_line = false;   // ^ and $ match at line ends too
  bool dot_all = false;      // . matches a line end
  bool allow_empty = false;  // the expression may match nothing at all; refused otherwise
};

// Expressions are octets, not UTF-8: mail is allowed to be invalid UTF-8, which Hyperscan's UTF-8
// mode is not prepared for.
struct Pattern {
  std::string expression;
  PatternOptions options;
  std::uint32_t id = 0;  // what a match reports; several patterns may share one
};

struct PatternError {
  std::optional<std::size_t> index;  // into the list given; none: the list as a whole
  std::string text;
};

enum class ImageError {
  Malformed,      // no image of ours, or cut short
  Damaged,        // its checksum is wrong
  OtherVersion,   // written by another version of Ringpost or Hyperscan: compile again
  OtherPlatform,  // compiled for processor features this machine lacks: compile again
};

// Immutable once made; any number of cores may use one at the same time, each with its own Matcher.
class Database {
 public:
  static constexpr std::size_t patterns_max = 100'000;
  static constexpr std::size_t expression_octets_max = 16'384;

  // All errors, in the order of the list; never empty.
  static std::expected<Database, std::vector<PatternError>> compile(std::span<const Pattern> list);

  // `image` comes from serialise(). Its checksum guards against damage, not against forgery: load
  // only files that this program wrote.
  static std::expected<Database, ImageError> deserialise(Bytes image);
  std::vector<std::byte> serialise() const;

  std::size_t pattern_count() const { return pattern_count_; }
  std::size_t size_bytes() const;  // in memory

 private:
  friend class Matcher;
  struct Free {
    void operator()(hs_database* database) const noexcept;
  };
  using Handle = std::unique_ptr<hs_database, Free>;

  Database(Handle handle, std::size_t pattern_count)
      : handle_(std::move(handle)), pattern_count_(pattern_count) {}

  Handle handle_;
  std::size_t pattern_count_;
};

}  // namespace ringpost::scan
