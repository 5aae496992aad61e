// The words of a sink's command line that need more than a number: where it listens, and what it
// announces. Pure; the error is text that says what is wrong.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "engine/net/address.h"
#include "proto/smtp/announced.h"

namespace ringpost::load {

// Listeners of one sink: each takes a descriptor and a few kilobytes of the kernel's memory.
inline constexpr std::size_t listen_addresses_max = 16'384;

// HOST:PORT as a loopback address, the host a literal or "localhost".
std::expected<net::Address, std::string> parse_target(std::string_view text);
// The same, or FIRST-LAST:PORT: all IPv4 addresses from FIRST to LAST.
std::expected<std::vector<net::Address>, std::string> parse_listen(std::string_view text);

inline constexpr smtp::Announced announced_by_default{.pipelining = true,
                                                      .eight_bit_mime = true,
                                                      .smtputf8 = true,
                                                      .dsn = true,
                                                      .chunking = true,
                                                      .size = true};

// "none", or keywords with commas between them: PIPELINING, SIZE, SIZE=octets, 8BITMIME, SMTPUTF8,
// DSN, CHUNKING.
std::expected<smtp::Announced, std::string> parse_announce(std::string_view text);

}  // namespace ringpost::load
