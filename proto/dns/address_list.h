// Lists of addresses in the DNS: under which name a list is asked about an address, and what its
// answer says. RFC 5782 (blacklists and whitelists), and the scores of senderscore.com. Lists say
// with addresses of 127/8 what they know; those of 127.255.255/24 mean that a list does not answer
// us, and any other address is somebody else's word: neither is ever a listing.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "proto/dns/answer.h"

namespace ringpost::dns {

// Answers of a list that count.
struct ReturnCode {
  std::uint32_t first = 0, last = 0;  // an IPv4 address from `first` to `last`
  std::uint32_t bits = 0;             // or, unless 0, one that has one of these bits
  bool operator==(const ReturnCode&) const = default;
};

// "127.0.0.2", "127.0.0.4/30", "127.0.0.4-127.0.0.7", or "&0.0.0.6" for bits.
std::optional<ReturnCode> parse_return_code(std::string_view text);

// 192.0.2.99 is 99.2.0.192.ZONE; IPv6 goes by nibbles (RFC 5782 2.4). Nothing when that is too long
// for a name.
std::optional<Name> listing_name(const conf::NetAddress& address, const Name& zone);

enum class Listing : std::uint8_t {
  NotListed,
  Listed,
  Failed,   // nobody could say
  Refused,  // the list says that it does not answer us
  Strange,  // nothing that a list would say
};
inline constexpr std::size_t listings = 5;
// "not-listed", "listed", "failed", "refused", "strange".
std::string_view word_of(Listing listing);

// `answer` is to a question of type A. Without `codes` every word of the list counts.
Listing judge_listing(const Answer& answer, std::span<const ReturnCode> codes);

// What Listed and Refused stood on, "127.0.0.2"; empty: no such address.
std::string listing_address(const Answer& answer);

struct SenderScore {
  Listing listing = Listing::NotListed;
  unsigned score = 0;  // of Listed: 0 to 100
};
// `answer` is to a question of type A: one address of 127.0.4.0 to 127.0.4.100.
SenderScore judge_score(const Answer& answer);

// The first text of an answer of type TXT, as it can stand in a reply: printable ASCII, no more
// than `octets_max`. Strangers write it.
std::string listing_reason(const Answer& answer, std::size_t octets_max);

}  // namespace ringpost::dns
