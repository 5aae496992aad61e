// date-time of RFC 5322 3.3; the calendar is that of <chrono>, no clock is read. Cannot fail.
#include "proto/mail/date.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <string_view>

#include <fmt/format.h>

#include "proto/base/check.h"

namespace ringpost::mail {
namespace {

constexpr std::int64_t seconds_per_day = 86'400;
constexpr std::int64_t first_second = -62'167'219'200;  // 0000-01-01 00:00:00
constexpr std::int64_t last_second = 253'402'300'799;   // 9999-12-31 23:59:59

constexpr std::array<std::string_view, 7> day_names{"Sun", "Mon", "Tue", "Wed",
                                                    "Thu", "Fri", "Sat"};
constexpr std::array<std::string_view, 12> month_names{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

constexpr std::int64_t floor_divide(std::int64_t value, std::int64_t by) {
  return value / by - (value % by < 0 ? 1 : 0);
}

struct CalendarTime {
  std::string_view day_name;
  unsigned day = 0;
  std::string_view month_name;
  int year = 0;
  std::int64_t second = 0;  // of the day
};

CalendarTime calendar_time(WallTime time, int offset_minutes) {
  const std::int64_t local =
      std::clamp(floor_divide(time.us, 1'000'000) + offset_minutes * 60, first_second, last_second);
  const std::int64_t days = floor_divide(local, seconds_per_day);
  const std::chrono::sys_days midnight{std::chrono::days(static_cast<int>(days))};
  const std::chrono::year_month_day date(midnight);
  return {.day_name = day_names[std::chrono::weekday(midnight).c_encoding()],
          .day = static_cast<unsigned>(date.day()),
          .month_name = month_names[static_cast<unsigned>(date.month()) - 1],
          .year = static_cast<int>(date.year()),
          .second = local - days * seconds_per_day};
}

}  // namespace

void append_date(std::string& target, WallTime time, int offset_minutes) {
  CHECK(offset_minutes > -24 * 60 && offset_minutes < 24 * 60);
  const CalendarTime at = calendar_time(time, offset_minutes);
  const int offset = offset_minutes < 0 ? -offset_minutes : offset_minutes;
  fmt::format_to(std::back_inserter(target), "{}, {} {} {:04} {:02}:{:02}:{:02} {}{:02}{:02}",
                 at.day_name, at.day, at.month_name, at.year, at.second / 3600, at.second / 60 % 60,
                 at.second % 60, offset_minutes < 0 ? '-' : '+', offset / 60, offset % 60);
}

void append_asctime(std::string& target, WallTime time) {
  const CalendarTime at = calendar_time(time, 0);
  fmt::format_to(std::back_inserter(target), "{} {} {:2} {:02}:{:02}:{:02} {:04}", at.day_name,
                 at.month_name, at.day, at.second / 3600, at.second / 60 % 60, at.second % 60,
                 at.year);
}

}  // namespace ringpost::mail
