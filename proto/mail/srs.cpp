// Sender rewriting: see srs.h. SRS0=CODE=DAY=DOMAIN=LOCAL at the first forwarder;
// SRS1=CODE=FIRST==CODE=DAY=DOMAIN=LOCAL at later ones, where FIRST is the domain of the first.
#include "proto/mail/srs.h"

#include <algorithm>

#include <fmt/format.h>

#include "proto/base/ascii.h"

namespace ringpost::mail {
namespace {

constexpr std::size_t local_octets_max = 255;  // what smtp::parse_mailbox takes
constexpr std::size_t code_octets = 6;         // 30 bits
constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
constexpr std::int64_t day_us = 86'400'000'000;
constexpr unsigned days_of_cycle = 1'024;  // two digits

unsigned day_of(WallTime now) {
  return static_cast<unsigned>(static_cast<std::uint64_t>(now.us / day_us) % days_of_cycle);
}

std::string day_text(unsigned day) { return {digits[day / 32], digits[day % 32]}; }

std::optional<unsigned> parse_day(std::string_view text) {
  unsigned day = 0;
  for (const char c : text) {
    const char upper = ascii::is_lower(c) ? static_cast<char>(c - 32) : c;
    const std::size_t digit = digits.find(upper);
    if (digit == digits.npos) return std::nullopt;
    day = day * 32 + static_cast<unsigned>(digit);
  }
  if (text.size() != 2) return std::nullopt;
  return day;
}

// Forwarders differ in the character that follows SRS0 and SRS1.
bool is_rewritten(std::string_view local, std::string_view tag) {
  return local.size() > tag.size() && ascii::starts_ignoring_case(local, tag) &&
         std::string_view("=+-").contains(local[tag.size()]);
}

// Takes the part up to the next '=' off the front; nothing when there is none.
std::optional<std::string_view> take_part(std::string_view& text) {
  const std::size_t end = text.find('=');
  if (end == text.npos) return std::nullopt;
  const std::string_view part = text.substr(0, end);
  text.remove_prefix(end + 1);
  return part;
}

}  // namespace

// Servers on the way may change the case of letters, so it does not count.
std::string Srs::code_of(std::string_view key, std::string_view text) const {
  const auto octets = authenticate_(key, ascii::lower(text));
  std::uint64_t bits = 0;
  for (const std::byte octet : octets) bits = (bits << 8) | std::to_integer<std::uint64_t>(octet);
  std::string code;
  for (std::size_t i = 0; i < code_octets; ++i) code += digits[(bits >> (59 - 5 * i)) & 31];
  return code;
}

bool Srs::is_ours(std::string_view code, std::string_view text) const {
  if (ascii::equal_ignoring_case(code, code_of(keys_.key, text))) return true;
  return !keys_.backup_key.empty() &&
         ascii::equal_ignoring_case(code, code_of(keys_.backup_key, text));
}

std::optional<std::string> Srs::rewrite(const SrsAddress& sender, WallTime now) const {
  std::string signed_part;
  std::string_view tag = "SRS0";
  if (is_rewritten(sender.local, "SRS0")) {
    tag = "SRS1";
    signed_part = fmt::format("{}={}", sender.domain, std::string_view(sender.local).substr(4));
  } else if (is_rewritten(sender.local, "SRS1")) {
    // The first forwarder stays the one that reports go to; the one before us drops out.
    std::string_view rest = std::string_view(sender.local).substr(5);
    if (take_part(rest) && rest.contains('=')) {
      tag = "SRS1";
      signed_part = rest;
    }
  }
  if (tag == "SRS0")
    signed_part = fmt::format("{}={}={}", day_text(day_of(now)), sender.domain, sender.local);
  std::string local =
      fmt::format("{}={}={}", tag, code_of(keys_.key, std::string(tag) + signed_part), signed_part);
  if (local.size() > local_octets_max) return std::nullopt;
  return local;
}

std::expected<SrsAddress, SrsFault> Srs::restore(std::string_view local, WallTime now) const {
  if (is_rewritten(local, "SRS0")) return restore_first(local.substr(5), now);
  if (is_rewritten(local, "SRS1")) return restore_later(local.substr(5));
  return std::unexpected(SrsFault::NotRewritten);
}

std::expected<SrsAddress, SrsFault> Srs::restore_first(std::string_view rest, WallTime now) const {
  const auto code = take_part(rest);
  const std::string_view signed_part = rest;
  const auto day = code ? take_part(rest) : std::nullopt;
  const auto made = day ? parse_day(*day) : std::nullopt;
  const auto domain = made ? take_part(rest) : std::nullopt;
  if (!domain || domain->empty() || rest.empty()) return std::unexpected(SrsFault::Malformed);
  if (!is_ours(*code, "SRS0" + std::string(signed_part))) return std::unexpected(SrsFault::Forged);
  const unsigned age = (day_of(now) + days_of_cycle - *made) % days_of_cycle;
  const std::int64_t days_max = (keys_.ttl.seconds() + 86'399) / 86'400;
  // Clocks of our machines may disagree about the day.
  const bool is_from_tomorrow = age == days_of_cycle - 1;
  if (age > days_max && !is_from_tomorrow) return std::unexpected(SrsFault::Expired);
  return SrsAddress{std::string(rest), std::string(*domain)};
}

// How old it is the first forwarder knows.
std::expected<SrsAddress, SrsFault> Srs::restore_later(std::string_view rest) const {
  const auto code = take_part(rest);
  const std::string_view signed_part = rest;
  const auto first = code ? take_part(rest) : std::nullopt;
  if (!first || first->empty() || !is_rewritten("SRS0" + std::string(rest), "SRS0"))
    return std::unexpected(SrsFault::Malformed);
  if (!is_ours(*code, "SRS1" + std::string(signed_part))) return std::unexpected(SrsFault::Forged);
  return SrsAddress{"SRS0" + std::string(rest), std::string(*first)};
}

}  // namespace ringpost::mail
