// See address_list.h.
#include "proto/dns/address_list.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "proto/base/ascii.h"

namespace ringpost::dns {
namespace {

using conf::Family;
using conf::NetAddress;

constexpr std::uint32_t refusals = 0x7fffff00;  // 127.255.255.0/24
constexpr std::uint32_t scores = 0x7f000400;    // 127.0.4.0/24
constexpr unsigned score_max = 100;

std::uint32_t number_of(const NetAddress& address) {
  return static_cast<std::uint32_t>(address.octets[0]) << 24 |
         static_cast<std::uint32_t>(address.octets[1]) << 16 |
         static_cast<std::uint32_t>(address.octets[2]) << 8 | address.octets[3];
}

std::optional<std::uint32_t> parse_number(std::string_view text) {
  const auto address = conf::parse_net_address(text);
  if (!address || address->family != Family::Inet4) return std::nullopt;
  return number_of(*address);
}

bool is_word(std::uint32_t number) { return number >> 24 == 127; }
bool is_refusal(std::uint32_t number) { return (number & ~0xffu) == refusals; }

bool counts(std::uint32_t number, std::span<const ReturnCode> codes) {
  if (!is_word(number) || is_refusal(number)) return false;
  return codes.empty() || std::ranges::any_of(codes, [number](const ReturnCode& code) {
           return code.bits != 0 ? (number & code.bits) != 0
                                 : number >= code.first && number <= code.last;
         });
}

template <class Take>
void for_each_number(const Answer& answer, Take take) {
  for (const RecordData& data : answer.records) {
    const auto* const address = std::get_if<NetAddress>(&data);
    if (address != nullptr && address->family == Family::Inet4) take(number_of(*address));
  }
}

}  // namespace

std::string_view word_of(Listing listing) {
  constexpr std::array<std::string_view, listings> words{"not-listed", "listed", "failed",
                                                         "refused", "strange"};
  return words[std::to_underlying(listing)];
}

std::optional<ReturnCode> parse_return_code(std::string_view text) {
  if (text.starts_with('&')) {
    const auto bits = parse_number(text.substr(1));
    if (!bits || *bits == 0) return std::nullopt;
    return ReturnCode{.bits = *bits};
  }
  if (const std::size_t dash = text.find('-'); dash != text.npos) {
    const auto first = parse_number(text.substr(0, dash));
    const auto last = parse_number(text.substr(dash + 1));
    if (!first || !last || *first > *last) return std::nullopt;
    return ReturnCode{.first = *first, .last = *last};
  }
  const auto prefix = conf::parse_net_prefix(text);
  if (!prefix || prefix->address.family != Family::Inet4) return std::nullopt;
  const std::uint32_t first = number_of(prefix->address);
  const std::uint64_t size = std::uint64_t{1} << (32 - prefix->length);
  return ReturnCode{.first = first, .last = static_cast<std::uint32_t>(first + size - 1)};
}

std::optional<Name> listing_name(const NetAddress& address, const Name& zone) {
  std::string text;
  text.reserve(name_octets_max);
  if (address.family == Family::Inet4) {
    fmt::format_to(std::back_inserter(text), "{}.{}.{}.{}.", address.octets[3], address.octets[2],
                   address.octets[1], address.octets[0]);
  } else {
    constexpr std::string_view digits = "0123456789abcdef";
    for (auto octet = address.octets.rbegin(); octet != address.octets.rend(); ++octet) {
      text += {digits[*octet & 0xf], '.', digits[*octet >> 4], '.'};
    }
  }
  return Name::parse(text + zone.text());
}

Listing judge_listing(const Answer& answer, std::span<const ReturnCode> codes) {
  if (answer.outcome == Outcome::Failed) return Listing::Failed;
  bool is_listed = false, is_refused = false, is_strange = false;
  for_each_number(answer, [&](std::uint32_t number) {
    is_listed = is_listed || counts(number, codes);
    is_refused = is_refused || is_refusal(number);
    is_strange = is_strange || !is_word(number);
  });
  if (is_listed) return Listing::Listed;
  if (is_refused) return Listing::Refused;
  return is_strange ? Listing::Strange : Listing::NotListed;
}

std::string listing_address(const Answer& answer) {
  const auto found = std::ranges::find_if(answer.records, [](const RecordData& data) {
    return std::holds_alternative<NetAddress>(data);
  });
  return found == answer.records.end() ? std::string() : to_text(std::get<NetAddress>(*found));
}

SenderScore judge_score(const Answer& answer) {
  if (answer.outcome == Outcome::Failed) return {.listing = Listing::Failed};
  if (answer.records.empty()) return {};
  unsigned scored = 0, score = 0;
  bool is_refused = false;
  for_each_number(answer, [&](std::uint32_t number) {
    is_refused = is_refused || is_refusal(number);
    if ((number & ~0xffu) != scores || (number & 0xff) > score_max) return;
    ++scored;
    score = number & 0xff;
  });
  if (scored == 1 && answer.records.size() == 1)
    return {.listing = Listing::Listed, .score = score};
  return {.listing = is_refused ? Listing::Refused : Listing::Strange};
}

std::string listing_reason(const Answer& answer, std::size_t octets_max) {
  std::string reason;
  if (answer.records.empty()) return reason;
  const auto* const text = std::get_if<Text>(&answer.records.front());
  if (text == nullptr) return reason;
  for (const std::string& part : text->strings) {
    for (const char c : part) {
      if (reason.size() >= octets_max) return reason;
      reason += ascii::is_control(c) || ascii::is_high(c) ? '?' : c;
    }
  }
  return reason;
}

}  // namespace ringpost::dns
