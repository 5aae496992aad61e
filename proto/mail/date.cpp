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

}  // namespace

void append_date(std::string& target, WallTime time, int offset_minutes) {
  CHECK(offset_minutes > -24 * 60 && offset_minutes < 24 * 60);
  const std::int64_t local =
      std::clamp(floor_divide(time.us, 1'000'000) + offset_minutes * 60, first_second, last_second);
  const std::int64_t days = floor_divide(local, seconds_per_day);
  const std::int64_t second = local - days * seconds_per_day;
  const std::chrono::sys_days midnight{std::chrono::days(static_cast<int>(days))};
  const std::chrono::year_month_day date(midnight);
  const int offset = offset_minutes < 0 ? -offset_minutes : offset_minutes;
  fmt::format_to(std::back_inserter(target), "{}, {} {} {:04} {:02}:{:02}:{:02} {}{:02}{:02}",
                 day_names[std::chrono::weekday(midnight).c_encoding()],
                 static_cast<unsigned>(date.day()),
                 month_names[static_cast<unsigned>(date.month()) - 1],
                 static_cast<int>(date.year()), second / 3600, second / 60 % 60, second % 60,
                 offset_minutes < 0 ? '-' : '+', offset / 60, offset % 60);
}

}  // namespace ringpost::mail
