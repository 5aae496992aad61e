// What the log says about TLS and certificates; part of the closed set in event.h.
#pragma once

#include <cstdint>
#include <string_view>

#include "engine/observe/level.h"
#include "engine/observe/logfmt.h"
#include "proto/base/clock.h"

namespace ringpost::observe {

// A handshake, of a client with us, that came to nothing.
struct HandshakeFailed {
  static constexpr std::string_view name = "tls.failed";
  static constexpr Level level = Level::Brief;
  SessionId session = {};
  std::string_view client = {};
  std::string_view detail = {};
  void fields(auto&& field) const {
    field("session", session), field("client", client), field("detail", detail);
  }
};

struct HandshakeDone {
  static constexpr std::string_view name = "tls.started";
  static constexpr Level level = Level::Verbose;
  static constexpr Subsystem subsystem = Subsystem::Smtp;
  SessionId session = {};
  std::string_view version = {};
  std::string_view cipher = {};
  std::string_view server_name = {};  // what the client asked for
  std::string_view key = {};          // kind of ours that it was shown; empty when resumed
  bool resumed = false;
  std::string_view subject = {};  // of the client's certificate
  std::string_view problem = {};  // with that
  void fields(auto&& field) const {
    field("session", session), field("version", version), field("cipher", cipher);
    field("server_name", server_name), field("key", key), field("resumed", resumed);
    field("subject", subject), field("problem", problem);
  }
};

// At the start, after a reload, and each day for one that ends soon.
struct CertificateInUse {
  static constexpr std::string_view name = "certificate.in-use";
  static constexpr Level level = Level::Brief;
  std::string_view pki = {};
  std::string_view key = {};  // its kind
  std::string_view names = {};
  std::int64_t days_left = 0;
  bool ends_soon = false;
  void fields(auto&& field) const {
    field("pki", pki), field("key", key), field("names", names), field("days_left", days_left);
    field("ends_soon", ends_soon);
  }
};

// Files of certificates have changed, and were read again.
struct CertificatesReloaded {
  static constexpr std::string_view name = "certificate.reloaded";
  static constexpr Level level = Level::Brief;
  bool done = false;
  std::string_view detail = {};  // why not: the former ones stay in use
  void fields(auto&& field) const { field("done", done), field("detail", detail); }
};

}  // namespace ringpost::observe
