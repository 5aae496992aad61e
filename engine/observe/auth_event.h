// The events of AUTH. No field of them is anything that a client gave as a secret.
#pragma once

#include <string_view>

#include "engine/observe/level.h"
#include "engine/observe/logfmt.h"
#include "proto/base/clock.h"

namespace ringpost::observe {

// A client has shown to be `user`.
struct AuthAccepted {
  static constexpr std::string_view name = "auth.accepted";
  static constexpr Level level = Level::Brief;
  SessionId session = {};
  std::string_view client = {};
  std::string_view user = {};
  std::string_view mechanism = {};
  void fields(auto&& field) const {
    field("session", session), field("client", client), field("user", user);
    field("mechanism", mechanism);
  }
};

// It has not, or has tried too often.
struct AuthRefused {
  static constexpr std::string_view name = "auth.refused";
  static constexpr Level level = Level::Brief;
  SessionId session = {};
  std::string_view client = {};
  std::string_view user = {};  // as whom
  std::string_view mechanism = {};
  std::string_view reason = {};
  Duration delay = {};  // of the answer
  void fields(auto&& field) const {
    field("session", session), field("client", client), field("user", user);
    field("mechanism", mechanism), field("reason", reason), field("delay", delay);
  }
};

// Nobody could say, for now: 454.
struct AuthFailed {
  static constexpr std::string_view name = "auth.failed";
  static constexpr Level level = Level::Brief;
  SessionId session = {};
  std::string_view client = {};
  std::string_view user = {};
  std::string_view mechanism = {};
  std::string_view reason = {};
  void fields(auto&& field) const {
    field("session", session), field("client", client), field("user", user);
    field("mechanism", mechanism), field("reason", reason);
  }
};

}  // namespace ringpost::observe
