// Events of DMARC's reports: see event.h.
#pragma once

#include <cstdint>
#include <string_view>

#include "engine/observe/level.h"

namespace ringpost::observe {

struct DmarcReportQueued {
  static constexpr std::string_view name = "dmarc.report_queued";
  static constexpr Level level = Level::Brief;
  std::string_view domain = {};
  std::string_view to = {};
  std::uint64_t begin = 0;  // of its period, seconds since 1970
  std::uint64_t end = 0;
  std::uint64_t messages = 0;
  void fields(auto&& field) const {
    field("domain", domain), field("to", to), field("begin", begin), field("end", end);
    field("messages", messages);
  }
};

struct DmarcFailureQueued {
  static constexpr std::string_view name = "dmarc.failure_queued";
  static constexpr Level level = Level::Brief;
  std::string_view domain = {};
  std::string_view to = {};
  void fields(auto&& field) const { field("domain", domain), field("to", to); }
};

// An address does not get its report, or not yet.
struct DmarcReportSkipped {
  static constexpr std::string_view name = "dmarc.report_skipped";
  static constexpr Level level = Level::Brief;
  std::string_view domain = {};
  std::string_view to = {};
  std::string_view reason = {};
  void fields(auto&& field) const {
    field("domain", domain), field("to", to), field("reason", reason);
  }
};

}  // namespace ringpost::observe
