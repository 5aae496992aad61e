// What the engine asks the process that speaks PAM, one datagram each, and what that answers.
// Strict and bounded; a datagram that is none is nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "proto/base/bytes.h"
#include "proto/base/secret.h"
#include "proto/sasl/mechanism.h"

namespace ringpost::sasl {

inline constexpr std::size_t pam_datagram_octets_max = 3 * credential_octets_max + 64;

struct PamRequest {
  std::uint64_t id = 0;
  std::string user = {};
  Secret password = {};
  std::string client = {};  // its address, for PAM's rules and log; empty: not known
};

enum class PamResult : std::uint8_t { Refused, Accepted, Failed };

struct PamReply {
  std::uint64_t id = 0;
  PamResult result = PamResult::Failed;
  std::string reason = {};  // for the log
  bool operator==(const PamReply&) const = default;
};

// Name and password are credentials (mechanism.h).
Secret encode(const PamRequest& request);
std::optional<PamRequest> decode_pam_request(Bytes datagram);
// The reason is cut when it is too long.
std::string encode(const PamReply& reply);
std::optional<PamReply> decode_pam_reply(Bytes datagram);

}  // namespace ringpost::sasl
