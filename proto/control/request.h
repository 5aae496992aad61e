// The request line of the control socket: one JSON object, at most request_octets_max octets, ended
// by LF.
// {"protocol":1,"command":"show queue","arguments":["…"],"after":"…","limit":1000}
// The parser takes any octets from anybody, keeps to RFC 8259, and refuses what it does not know
// with a sentence.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

namespace ringpost::control {

inline constexpr std::uint32_t protocol_number = 1;
inline constexpr std::size_t request_octets_max = 64 * 1024;  // with the LF
inline constexpr std::size_t arguments_max = 1000;
inline constexpr std::uint32_t rows_per_page = 1000;

struct Request {
  std::uint32_t protocol = protocol_number;
  std::string command = {};  // words with one blank between: "show queue"
  std::vector<std::string> arguments = {};
  std::string after = {};  // where the last page ended (Reply's "next"); empty: from the start
  std::uint32_t limit = rows_per_page;  // rows wanted at most, 1 … rows_per_page
  bool operator==(const Request&) const = default;
};

// The error is a sentence for the person at the other end.
std::expected<Request, std::string> parse_request(std::string_view line);  // with or without LF

// The line with its LF. Text that is not UTF-8 has its wrong octets replaced by U+FFFD.
std::string print_request(const Request& request);

}  // namespace ringpost::control
