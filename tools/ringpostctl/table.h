// Text for people: aligned tables, sizes, ages. Whatever strangers wrote is made harmless for a
// terminal.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proto/base/clock.h"

namespace ringpost::ctl {

// Controls, deceiving marks and octets that are not UTF-8 become '?'.
std::string printable(std::string_view text);
// The same for a text of several lines, whose line ends stay.
std::string printable_lines(std::string_view text);

enum class Align : std::uint8_t { Left, Right };

struct Column {
  std::string_view name;
  Align align = Align::Left;
};

// Columns as wide as their widest cell; the last is not padded.
class Table {
 public:
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}
  // As many cells as columns.
  void add(std::vector<std::string> cells);
  bool empty() const { return rows_.empty(); }
  // With a line of the columns' names, in capitals.
  std::string text() const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

std::string size_text(std::uint64_t octets);   // "812", "4.0K", "35M"
std::string duration_text(Duration duration);  // "12s", "5m", "3h", "4d"; negative: "0s"

// The inverse of observe::rfc3339_text().
std::optional<WallTime> parse_rfc3339(std::string_view text);

}  // namespace ringpost::ctl
