// The date-time of RFC 5322 3.3, from a WallTime: "Sun, 22 Nov 2026 23:42:45 +0000".
#pragma once

#include <string>

#include "proto/base/clock.h"

namespace ringpost::mail {

// Appends the date. `offset_minutes` east of UTC, within a day; years 0 to 9999 (others are cut to
// that).
void append_date(std::string& target, WallTime time, int offset_minutes = 0);

// The same as asctime(3) prints it, in UTC and without a line end: "Sun Nov 22 23:42:45 2026".
void append_asctime(std::string& target, WallTime time);

}  // namespace ringpost::mail
