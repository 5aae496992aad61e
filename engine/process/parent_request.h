// What the engine asks the parent for, one datagram each, and how it is written. Decoding is strict
// and bounded: the engine may have been taken over.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "engine/process/agent.h"
#include "proto/base/bytes.h"
#include "proto/base/clock.h"

namespace ringpost::process {

struct StartAgent {  // comes with one end of the agent's socket
  AgentUser user;
  bool operator==(const StartAgent&) const = default;
};
struct BindSocket {  // comes with a stream socket; answered with one errno, 0 when it is bound
  std::vector<std::byte> address;  // a sockaddr
  bool operator==(const BindSocket&) const = default;
};
struct ReadConfiguration {  // comes with one end of the socket that takes it
  bool operator==(const ReadConfiguration&) const = default;
};
struct Ready {  // the engine serves: who waits for the start may go on
  bool operator==(const Ready&) const = default;
};
struct LoadKey {  // comes with one end of the socket that takes the KeyAnswer
  std::string path;
  std::string user;  // as whom the key process runs when it is not there yet
  bool operator==(const LoadKey&) const = default;
};
struct ConnectKeys {  // comes with one end of the socket to the key process
  bool operator==(const ConnectKeys&) const = default;
};
struct WatchFile {  // the engine wants to know when it changes
  std::string path;
  bool operator==(const WatchFile&) const = default;
};
struct ForgetFiles {  // keys that were loaded, and files that were watched, last before this
  Instant before;
  bool operator==(const ForgetFiles&) const = default;
};
struct ConnectAuth {  // comes with one end of the socket to a new process that speaks PAM
  bool operator==(const ConnectAuth&) const = default;
};
using ParentRequest = std::variant<StartAgent, BindSocket, ReadConfiguration, Ready, LoadKey,
                                   ConnectKeys, WatchFile, ForgetFiles, ConnectAuth>;
inline constexpr std::size_t request_octets_max = 8 * 1024;

// The texts and paths of what is encoded are within the limits of agent_frame.h: CHECKed.
std::string encode(const ParentRequest& request);
std::optional<ParentRequest> decode_request(Bytes datagram);

// True when decode_request would take it: what comes from a configuration or a table is asked this
// before it is sent.
bool is_within_limits(const ParentRequest& request);

}  // namespace ringpost::process
