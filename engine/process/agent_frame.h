// How orders to an agent, their content and replies are written. Every frame of an agent's socket
// is a length (4 octets, little-endian) and that many octets; an order with content is followed by
// frames of content, the last one empty. Decoding is strict and bounded, since the other side may
// be a process that has been taken over.
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
bool takes_content(const AgentOrder& order);

}  // namespace ringpost::process
