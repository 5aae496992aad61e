// What the log says only while its subsystem is traced (`ringpostctl trace`): each step of a
// decision; part of the closed set in event.h.
#pragma once

#include <cstdint>
#include <string_view>

#include "engine/observe/level.h"
#include "engine/observe/logfmt.h"

namespace ringpost::observe {

// A filter let a step pass: its condition does not hold, or its process said `proceed`. What it
// decides else is a FilterDecided.
struct FilterPassed {
  static constexpr std::string_view name = "trace.filter";
  static constexpr Level level = Level::Traced;
  static constexpr Subsystem subsystem = Subsystem::Filters;
  SessionId session = {};
  std::string_view filter = {};  // its name in smtpd.conf
  std::string_view phase = {};
  std::string_view result = {};
  void fields(auto&& field) const {
    field("session", session), field("filter", filter), field("phase", phase);
    field("result", result);
  }
};

// A question to a table, a user or a file of a user was answered.
struct LookedUp {
  static constexpr std::string_view name = "trace.lookup";
  static constexpr Level level = Level::Traced;
  static constexpr Subsystem subsystem = Subsystem::Lookup;
  std::string_view what = {};
  std::string_view outcome = {};
  std::string_view text = {};  // a table's value, or why it failed
  void fields(auto&& field) const {
    field("what", what), field("outcome", outcome);
    if (!text.empty()) field("text", text);
  }
};

// A rule has decided about a recipient.
struct RuleDecided {
  static constexpr std::string_view name = "trace.rule";
  static constexpr Level level = Level::Traced;
  static constexpr Subsystem subsystem = Subsystem::Rules;
  SessionId session = {};
  std::string_view recipient = {};
  std::string_view rule = {};  // where it stands; empty: none did
  std::string_view outcome = {};
  void fields(auto&& field) const {
    field("session", session), field("recipient", recipient);
    field("rule", rule.empty() ? std::string_view("none") : rule), field("outcome", outcome);
  }
};

// One of the deliveries that a recipient became.
struct Expanded {
  static constexpr std::string_view name = "trace.expand";
  static constexpr Level level = Level::Traced;
  static constexpr Subsystem subsystem = Subsystem::Expand;
  SessionId session = {};
  std::string_view recipient = {};
  std::string_view action = {};  // of smtpd.conf; empty: an alias names a file or a command
  std::string_view user = {};
  std::string_view target = {};  // the file or command, or the address on the way out
  void fields(auto&& field) const {
    field("session", session), field("recipient", recipient), field("action", action);
    field("user", user), field("target", target);
  }
};

}  // namespace ringpost::observe
