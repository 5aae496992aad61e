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
#include "engine/process/filter_program.h"
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
struct ReadConfiguration {  // comes with one end of the socket that takes a descriptor of it
  bool operator==(const ReadConfiguration&) const = default;
};
struct Ready {  // the engine serves: who waits for the start may go on
  bool operator==(const Ready&) const = default;
};
struct AdoptConfiguration {  // what was read last is in use
  bool operator==(const AdoptConfiguration&) const = default;
};
struct LoadKey {  // comes with one end of the socket that takes the KeyAnswer
  std::string path;
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
struct KeepSocket {  // comes with a bound socket, which the next engine is to have, too
  std::vector<std::byte> address;
  std::uint32_t core = 0;
  bool operator==(const KeepSocket&) const = default;
};
struct FindSocket {  // answered with an errno and, when that is 0, the socket that was kept
  std::vector<std::byte> address;
  std::uint32_t core = 0;
  bool operator==(const FindSocket&) const = default;
};
struct DropSocket {  // nobody listens there any more
  std::vector<std::byte> address;
  bool operator==(const DropSocket&) const = default;
};
struct Stopping {  // the engine ends, and shall not be made anew
  bool operator==(const Stopping&) const = default;
};
struct Alive {  // every core of the engine turns
  bool operator==(const Alive&) const = default;
};
struct StartProgram {  // comes with what is to be its standard input and output; answered with an
                       // errno, negative, or the process's number
  std::string name;
  std::vector<std::string> words;
  bool operator==(const StartProgram&) const = default;
};
struct EndProgram {
  std::int32_t pid = 0;
  bool operator==(const EndProgram&) const = default;
};
// A filter process that the configuration names. It comes with what is to be its standard input and
// output (one socket) and its standard error, on which it is told of, too, when it cannot be run.
// Not answered: its end is that of the socket.
struct StartFilter {
  std::uint64_t id = 0;  // no other of this engine has it
  FilterProgram program;
  bool operator==(const StartFilter&) const = default;
};
struct EndFilter {
  std::uint64_t id = 0;
  bool kill = false;  // SIGKILL instead of SIGTERM, for its process group
  bool operator==(const EndFilter&) const = default;
};
using ParentRequest =
    std::variant<StartAgent, BindSocket, ReadConfiguration, Ready, LoadKey, ConnectKeys, WatchFile,
                 ForgetFiles, ConnectAuth, KeepSocket, FindSocket, DropSocket, Stopping, Alive,
                 AdoptConfiguration, StartProgram, EndProgram, StartFilter, EndFilter>;
inline constexpr std::size_t program_words_max = 64;
inline constexpr std::size_t request_octets_max = 24 * 1024;

// The texts and paths of what is encoded are within the limits of agent_frame.h: CHECKed.
std::string encode(const ParentRequest& request);
std::optional<ParentRequest> decode_request(Bytes datagram);

// True when decode_request would take it: what comes from a configuration or a table is asked this
// before it is sent.
bool is_within_limits(const ParentRequest& request);

}  // namespace ringpost::process
