// Fault: the world failed (design: second of the four kinds of errors). Made where a system call is
// made, carried by std::expected, turned into a 4xx reply in exactly one place
// (engine/mta/fault_reply.cpp).
#pragma once

#include <cstring>
#include <string>
#include <string_view>

#include <fmt/format.h>

namespace ringpost {

struct Fault {
  std::string_view operation;  // static text: "open", "write", "fsync", …
  int code = 0;                // errno, positive
  std::string path = {};       // what it was done to, where that says more than the operation
};

inline std::string to_text(const Fault& fault) {
  std::string text(fault.operation);
  if (!fault.path.empty()) text += fmt::format(" {}", fault.path);
  char room[128];
  return fmt::format("{}: {}", text, strerror_r(fault.code, room, sizeof room));
}

}  // namespace ringpost
