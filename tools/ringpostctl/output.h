// Where a command writes: standard output and error, or a test's files. A write that fails is
// noticed once, at the end.
#pragma once

#include <cstdio>
#include <string_view>

#include "engine/mta/control.h"
#include "proto/base/bytes.h"

namespace ringpost::ctl {

// What the caller of ringpostctl sees.
inline constexpr int exit_ok = 0;
inline constexpr int exit_failed = 1;
inline constexpr int exit_usage = 2;

struct Output {
  std::FILE* out = stdout;
  std::FILE* err = stderr;

  void put(std::string_view text) const { std::fwrite(text.data(), 1, text.size(), out); }
  // False when nobody takes it any more.
  bool put(Bytes octets) const {
    return std::fwrite(octets.data(), 1, octets.size(), out) == octets.size();
  }
  void put_line(const mta::Json& object) const {
    put(object.dump(-1, ' ', false, mta::Json::error_handler_t::replace) + '\n');
  }
  // "ringpostctl: text", and gives exit_failed.
  int fail(std::string_view text) const;
};

}  // namespace ringpost::ctl
