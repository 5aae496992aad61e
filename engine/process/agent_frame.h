// How requests to the parent, orders to an agent, their content and replies are written. Every
// frame of an agent's socket is a length (4 octets, little-endian) and that many octets; an order
// with content is followed by frames of content, the last one empty. Decoding is strict and
// bounded, since the other side may be a process that has been taken over.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "engine/process/agent.h"
#include "proto/base/bytes.h"

namespace ringpost::process {

inline constexpr std::size_t frame_header_octets = 4;
inline constexpr std::size_t path_octets_max = 4096;
inline constexpr std::size_t name_octets_max = 255;
inline constexpr std::size_t from_line_octets_max = 4096;
inline constexpr std::size_t command_octets_max = 16 * 1024;
inline constexpr std::size_t variable_octets_max = 8 * 1024;
inline constexpr std::size_t output_octets_max = 1024;  // of a command, kept for the log
inline constexpr std::size_t text_octets_max = output_octets_max + 256;
inline constexpr std::size_t file_octets_max = 256 * 1024;  // .forward and included files
inline constexpr std::uint32_t command_seconds_max = 24 * 3600;

inline constexpr std::size_t order_octets_max = 128 * 1024;
inline constexpr std::size_t reply_octets_max = file_octets_max + 4096;
inline constexpr std::size_t content_piece_octets_max = 512 * 1024;

// What the engine asks the parent for, one datagram each.
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
using ParentRequest = std::variant<StartAgent, BindSocket, ReadConfiguration, Ready>;
inline constexpr std::size_t request_octets_max = 1024;

// The texts and paths of what is encoded are within the limits above: CHECKed.
std::string encode(const ParentRequest& request);
std::optional<ParentRequest> decode_request(Bytes datagram);

// Whole frames, with their length.
std::string order_frame(const AgentOrder& order);
std::string reply_frame(const AgentReply& reply);
// The header of a frame of `octets`.
std::string frame_header(std::size_t octets);
std::uint32_t frame_length(Bytes header);

// What a frame holds, without its length.
std::optional<AgentOrder> decode_order(Bytes payload);
std::optional<AgentReply> decode_reply(Bytes payload);

// True when decode_order would take it: what comes from a configuration, an alias or a .forward is
// asked this before it is sent.
bool is_within_limits(const AgentOrder& order);
// The same for whom an agent shall become: a table may call users what no account could be called.
bool is_within_limits(const AgentUser& user);
bool takes_content(const AgentOrder& order);

}  // namespace ringpost::process
