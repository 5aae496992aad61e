// The closed sets of words that the log and the figures share, so that a reason is spelled the same
// in both.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

namespace ringpost::observe {

// Why a session ended.
enum class CloseReason : std::uint8_t {
  Quit,            // the client said QUIT
  PeerClosed,      // end of file before QUIT
  PeerReset,       // the connection broke
  IdleTimeout,     // no octet for longer than the idle limit
  SessionTimeout,  // the total time limit
  TooManyErrors,   // the error limit
  Violation,       // the dialogue could not go on (a line without end, a command during TLS, …)
  Draining,        // the daemon is stopping
  Fault,           // our side failed
  Memory,          // it read no replies and held receive buffers while they ran short
  Tls,             // the handshake failed, or what came under TLS was damaged
};
inline constexpr std::array<std::string_view, 11> close_reason_words{"quit",
                                                                     "peer-closed",
                                                                     "peer-reset",
                                                                     "idle-timeout",
                                                                     "session-timeout",
                                                                     "too-many-errors",
                                                                     "violation",
                                                                     "draining",
                                                                     "fault",
                                                                     "memory",
                                                                     "tls"};

// Why a connection was turned away before it became a session.
enum class RefuseReason : std::uint8_t {
  Connections,            // the limit of all connections of this core
  ConnectionsPerAddress,  // the limit for one client address
  Memory,                 // no slot or no buffer
  Spool,                  // the spool takes nothing at present
  Draining,               // the daemon is stopping
  Proxy,                  // it should have come through a proxy that says who the client is
};
inline constexpr std::array<std::string_view, 6> refuse_reason_words{
    "connections", "connections-per-address", "memory", "spool", "draining", "proxy"};

// What came of one attempt for one recipient (the actions of RFC 3464 2.3.3).
enum class AttemptResult : std::uint8_t { Delivered, Relayed, Expanded, Delayed, Failed };
inline constexpr std::array<std::string_view, 5> attempt_result_words{
    "delivered", "relayed", "expanded", "delayed", "failed"};

// What a filter said. Undecided: it could not be asked, or could not tell for now.
enum class FilterWord : std::uint8_t {
  Reject,
  Disconnect,
  Rewrite,
  Report,
  Junk,
  Bypass,
  Undecided,
};
inline constexpr std::array<std::string_view, 7> filter_words{
    "reject", "disconnect", "rewrite", "report", "junk", "bypass", "undecided"};

constexpr std::string_view to_text(CloseReason reason) {
  return close_reason_words[std::to_underlying(reason)];
}
constexpr std::string_view to_text(FilterWord word) {
  return filter_words[std::to_underlying(word)];
}
constexpr std::string_view to_text(RefuseReason reason) {
  return refuse_reason_words[std::to_underlying(reason)];
}
constexpr std::string_view to_text(AttemptResult result) {
  return attempt_result_words[std::to_underlying(result)];
}

}  // namespace ringpost::observe
