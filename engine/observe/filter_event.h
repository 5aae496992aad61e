// What filters decide about sessions, for the log.
#pragma once

#include <cstdint>
#include <string_view>

#include "engine/observe/level.h"
#include "engine/observe/logfmt.h"
#include "engine/observe/reason.h"

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

}  // namespace ringpost::observe
