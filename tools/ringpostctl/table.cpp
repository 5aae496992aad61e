// Widths count characters, not octets; wide and combining characters are not looked up.
#include "tools/ringpostctl/table.h"

#include <algorithm>
#include <array>
#include <chrono>

#include <fmt/format.h>

#include "engine/observe/logfmt.h"
#include "proto/base/ascii.h"
#include "proto/base/check.h"
#include "proto/base/utf8.h"

namespace ringpost::ctl {
namespace {

std::size_t characters(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(
      text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0u) != 0x80u; }));
}

}  // namespace

std::string printable(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    const Utf8Sequence sequence = utf8_front(text);
    const bool shown = sequence.octets != 0 && !observe::could_deceive(sequence.code);
    const std::size_t octets = std::max<std::size_t>(sequence.octets, 1);
    result += shown ? text.substr(0, octets) : "?";
    text.remove_prefix(octets);
  }
  return result;
}

std::string printable_lines(std::string_view text) {
  std::string result = printable(text.substr(0, text.find('\n')));
  for (std::size_t at = text.find('\n'); at != text.npos;) {
    const std::size_t next = text.find('\n', at + 1);
    result += '\n' + printable(text.substr(at + 1, next - at - 1));
    at = next;
  }
  return result;
}

void Table::add(std::vector<std::string> cells) {
  CHECK(cells.size() == columns_.size());
  for (std::string& cell : cells) cell = printable(cell);
  rows_.push_back(std::move(cells));
}

std::string Table::text() const {
  std::vector<std::string> names;
  std::vector<std::size_t> widths;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    std::string name(columns_[i].name);
    std::ranges::transform(name, name.begin(), [](char c) {
      return ascii::is_lower(c) ? static_cast<char>(c - 32) : c;
    });
    std::size_t width = name.size();
    for (const auto& row : rows_) width = std::max(width, characters(row[i]));
    names.push_back(std::move(name));
    widths.push_back(width);
  }
  std::string text;
  const auto print = [&](const std::vector<std::string>& cells) {
    std::string line;
    for (std::size_t i = 0; i < cells.size(); ++i) {
      const std::string gap(widths[i] - characters(cells[i]), ' ');
      if (i != 0) line += "  ";
      line += columns_[i].align == Align::Right ? gap + cells[i] : cells[i] + gap;
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + '\n';
  };
  print(names);
  for (const auto& row : rows_) print(row);
  return text;
}

std::string size_text(std::uint64_t octets) {
  if (octets < 1024) return fmt::format("{}", octets);
  constexpr std::string_view units = "KMGTPE";
  double value = static_cast<double>(octets) / 1024;
  std::size_t unit = 0;
  while (value >= 1023.5 && unit + 1 < units.size()) {
    value /= 1024;
    ++unit;
  }
  return value < 9.95 ? fmt::format("{:.1f}{}", value, units[unit])
                      : fmt::format("{:.0f}{}", value, units[unit]);
}

std::string duration_text(Duration duration) {
  const std::int64_t s = std::max<std::int64_t>(duration.seconds(), 0);
  if (s < 120) return fmt::format("{}s", s);
  if (s < 120 * 60) return fmt::format("{}m", s / 60);
  if (s < 48 * 3600) return fmt::format("{}h", s / 3600);
  return fmt::format("{}d", s / 86400);
}

std::optional<WallTime> parse_rfc3339(std::string_view text) {
  constexpr std::string_view shape = "0000-00-00T00:00:00.000000Z";
  if (text.size() != shape.size()) return std::nullopt;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    const bool fits = shape[i] == '0' ? ascii::is_digit(text[i]) : text[i] == shape[i];
    if (!fits) return std::nullopt;
  }
  const auto number = [&](std::size_t at, std::size_t digits) {
    return *ascii::parse_decimal<std::uint32_t>(text.substr(at, digits));
  };
  const std::chrono::year_month_day date(std::chrono::year(static_cast<int>(number(0, 4))),
                                         std::chrono::month(number(5, 2)),
                                         std::chrono::day(number(8, 2)));
  if (!date.ok() || number(11, 2) > 23 || number(14, 2) > 59 || number(17, 2) > 60) {
    return std::nullopt;
  }
  const std::int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
  const std::int64_t second =
      days * 86400 + number(11, 2) * 3600 + number(14, 2) * 60 + number(17, 2);
  return WallTime{second * 1'000'000 + number(20, 6)};
}

}  // namespace ringpost::ctl
