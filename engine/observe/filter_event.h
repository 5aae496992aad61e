// What filters decide about sessions, and what becomes of filter processes, for the log.
#pragma once

#include <cstdint>
#include <string_view>

#include "engine/observe/level.h"
#include "engine/observe/logfmt.h"
#include "engine/observe/reason.h"
#include "proto/base/clock.h"

namespace ringpost::observe {

// A filter had a say in a phase: everything but `proceed`.
struct FilterDecided {
  static constexpr std::string_view name = "filter.decided";
  static constexpr Level level = Level::Brief;
  SessionId session = {};
  std::string_view client = {};
  std::string_view filter = {};  // its name in smtpd.conf
  std::string_view phase = {};
  FilterWord decision = FilterWord::Undecided;
  std::string_view text = {};    // the reply, the new value, or what is reported
  std::string_view reason = {};  // why a filter could not decide; empty: it did
  void fields(auto&& field) const {
    field("session", session), field("client", client), field("filter", filter);
    field("phase", phase), field("decision", to_text(decision));
    if (!text.empty()) field("text", text);
    if (!reason.empty()) field("reason", reason);
  }
};

// A filter process has registered and serves.
struct FilterReady {
  static constexpr std::string_view name = "filter.ready";
  static constexpr Level level = Level::Brief;
  std::string_view filter = {};
  Duration elapsed = {};  // since it was started
  void fields(auto&& field) const { field("filter", filter), field("elapsed", elapsed); }
};

// It serves no more, or could not be started; unless it is not wanted any more it will be again
// after the pause.
struct FilterEnded {
  static constexpr std::string_view name = "filter.ended";
  static constexpr Level level = Level::Brief;
  std::string_view filter = {};
  std::string_view reason = {};
  Duration pause = {};
  void fields(auto&& field) const {
    field("filter", filter), field("reason", reason), field("pause", pause);
  }
};

// A line of its standard error.
struct FilterSaid {
  static constexpr std::string_view name = "filter.said";
  static constexpr Level level = Level::Brief;
  std::string_view filter = {};
  std::string_view line = {};
  std::uint64_t lines_dropped = 0;  // before this one: they came too fast
  void fields(auto&& field) const {
    field("filter", filter), field("line", line);
    if (lines_dropped != 0) field("dropped", lines_dropped);
  }
};

// A list in the DNS says that it does not answer us. Once in a while for each.
struct ListRefused {
  static constexpr std::string_view name = "filter.list-refused";
  static constexpr Level level = Level::Brief;
  std::string_view filter = {};
  std::string_view zone = {};
  std::string_view answer = {};  // the address that it answers with
  void fields(auto&& field) const {
    field("filter", filter), field("zone", zone), field("answer", answer);
  }
};

}  // namespace ringpost::observe
