// Reading the header: see header.h. It is gathered octet by octet until its end is known, then read
// whole: it comes once in a connection.
#include "proto/proxy/header.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "proto/base/ascii.h"
#include "proto/base/crc32c.h"

namespace ringpost::proxy {
namespace {

using namespace std::string_view_literals;

constexpr std::string_view line_signature = "PROXY ";
constexpr std::string_view binary_signature = "\r\n\r\n\0\r\nQUIT\n"sv;
constexpr std::size_t line_octets_max = 107;  // with its CRLF
constexpr std::size_t fixed_octets = 16;
constexpr std::size_t inet4_octets = 12, inet6_octets = 36, unix_octets = 216;
constexpr std::uint8_t checksum_type = 0x03;
constexpr std::size_t checksum_octets = 4;

std::uint8_t octet_at(std::string_view text, std::size_t at) {
  return static_cast<std::uint8_t>(text[at]);
}

std::uint16_t number_at(std::string_view text, std::size_t at) {
  return static_cast<std::uint16_t>(octet_at(text, at) << 8 | octet_at(text, at + 1));
}

// ---- version 1

std::optional<conf::NetAddress> address_in_line(std::string_view word, conf::Family family) {
  // The configuration allows more spellings.
  const bool is_plain = word.find_first_not_of("0123456789abcdefABCDEF:.") == word.npos;
  const auto address = is_plain ? conf::parse_net_address(word) : std::nullopt;
  return address && address->family == family ? address : std::nullopt;
}

std::optional<std::uint16_t> port_in_line(std::string_view word) {
  if (word.size() > 1 && word.front() == '0') return std::nullopt;
  return ascii::parse_decimal<std::uint16_t>(word);
}

std::string_view take_word(std::string_view& rest) {
  const std::size_t end = std::min(rest.find(' '), rest.size());
  const std::string_view word = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return word;
}

// "PROXY TCP4 192.0.2.1 192.0.2.2 51234 25", without its line end.
std::expected<Origin, Flaw> read_line(std::string_view line) {
  std::string_view rest = line.substr(line_signature.size());
  const std::size_t blanks = static_cast<std::size_t>(std::ranges::count(rest, ' '));
  const std::string_view protocol = take_word(rest);
  if (protocol == "UNKNOWN") return Origin{};
  if (protocol != "TCP4" && protocol != "TCP6") return std::unexpected(Flaw::Protocol);
  const auto family = protocol == "TCP4" ? conf::Family::Inet4 : conf::Family::Inet6;
  const auto source = address_in_line(take_word(rest), family);
  const auto target = address_in_line(take_word(rest), family);
  const auto port = port_in_line(take_word(rest));
  const auto target_port = port_in_line(take_word(rest));
  if (!source || !target || !port || !target_port || blanks != 4)
    return std::unexpected(Flaw::Malformed);
  return Origin{Origin::Kind::Client, conf::unmapped(*source), *port};
}

// ---- version 2

enum class Transport : std::uint8_t { Unspecified = 0x00, Tcp4 = 0x11, Tcp6 = 0x21, Unix = 0x31 };

std::optional<std::size_t> address_octets(std::uint8_t transport) {
  switch (Transport{transport}) {
    case Transport::Unspecified:
      return 0;
    case Transport::Tcp4:
      return inet4_octets;
    case Transport::Tcp6:
      return inet6_octets;
    case Transport::Unix:
      return unix_octets;
  }
  return std::nullopt;
}

conf::NetAddress address_at(std::string_view header, conf::Family family) {
  conf::NetAddress address{family, {}};
  const std::size_t octets = address.bits() / 8;
  for (std::size_t i = 0; i < octets; ++i) address.octets[i] = octet_at(header, fixed_octets + i);
  return conf::unmapped(address);
}

// Over the whole header, as if its checksum was zero.
bool is_checksum_right(std::string_view header, std::size_t at) {
  static constexpr std::array<std::byte, checksum_octets> zeros{};
  std::uint32_t sum = crc32c(0, bytes_of(header.substr(0, at)));
  sum = crc32c(sum, zeros);
  sum = crc32c(sum, bytes_of(header.substr(at + checksum_octets)));
  const std::uint32_t stated =
      std::uint32_t{number_at(header, at)} << 16 | number_at(header, at + 2);
  return sum == stated;
}

// What else is known of the connection: nothing that we need, but it must be whole.
std::optional<Flaw> flaw_of_extras(std::string_view header, std::size_t at) {
  std::optional<std::size_t> checksum;
  while (at < header.size()) {
    if (header.size() - at < 3) return Flaw::Malformed;
    const std::uint8_t type = octet_at(header, at);
    const std::size_t octets = number_at(header, at + 1);
    at += 3;
    if (header.size() - at < octets) return Flaw::Malformed;
    if (type == checksum_type) {
      if (checksum || octets != checksum_octets) return Flaw::Malformed;
      checksum = at;
    }
    at += octets;
  }
  if (checksum && !is_checksum_right(header, *checksum)) return Flaw::Checksum;
  return std::nullopt;
}

std::expected<Origin, Flaw> read_binary(std::string_view header) {
  if ((octet_at(header, 12) & 0x0f) == 0) return Origin{.kind = Origin::Kind::Proxy};
  const std::uint8_t transport = octet_at(header, 13);
  const auto octets = address_octets(transport);
  if (!octets) return std::unexpected(Flaw::Protocol);
  const std::size_t extras = fixed_octets + *octets;
  if (header.size() < extras) return std::unexpected(Flaw::Malformed);
  if (const auto flaw = flaw_of_extras(header, extras)) return std::unexpected(*flaw);
  switch (Transport{transport}) {
    case Transport::Tcp4:
      return Origin{Origin::Kind::Client, address_at(header, conf::Family::Inet4),
                    number_at(header, fixed_octets + 8)};
    case Transport::Tcp6:
      return Origin{Origin::Kind::Client, address_at(header, conf::Family::Inet6),
                    number_at(header, fixed_octets + 32)};
    case Transport::Unspecified:
    case Transport::Unix:
      break;
  }
  return Origin{};
}

}  // namespace

std::string_view to_text(Flaw flaw) {
  switch (flaw) {
    case Flaw::NoHeader:
      return "no PROXY header";
    case Flaw::Malformed:
      return "malformed PROXY header";
    case Flaw::TooLong:
      return "PROXY header too long";
    case Flaw::Version:
      return "PROXY header of an unknown version or command";
    case Flaw::Protocol:
      return "PROXY header of a protocol that is not for streams";
    case Flaw::Checksum:
      return "PROXY header with a wrong checksum";
  }
  return "";
}

std::size_t HeaderReader::receive(Bytes octets) {
  const std::string_view text = text_of(octets);
  std::size_t taken = 0;
  while (taken < text.size() && !done_) octet(text[taken++]);
  return taken;
}

void HeaderReader::octet(char next) {
  header_ += next;
  if (octets_wanted_ > 0) {
    if (header_.size() == octets_wanted_) finish(read_binary(header_));
  } else if (header_.front() == binary_signature.front()) {
    look_at_fixed_part();
  } else {
    look_at_line();
  }
}

void HeaderReader::look_at_line() {
  const std::size_t compared = std::min(header_.size(), line_signature.size());
  if (!line_signature.starts_with(std::string_view(header_).substr(0, compared)))
    return finish(std::unexpected(Flaw::NoHeader));
  if (header_.ends_with("\r\n"))
    return finish(read_line(std::string_view(header_).substr(0, header_.size() - 2)));
  if (header_.size() == line_octets_max) return finish(std::unexpected(Flaw::TooLong));
  const bool is_bare = header_.back() == '\n' || header_.back() == '\0';
  if (is_bare) finish(std::unexpected(Flaw::Malformed));
}

void HeaderReader::look_at_fixed_part() {
  const std::size_t compared = std::min(header_.size(), binary_signature.size());
  if (!binary_signature.starts_with(std::string_view(header_).substr(0, compared)))
    return finish(std::unexpected(Flaw::NoHeader));
  if (header_.size() < fixed_octets) return;
  const std::uint8_t version_and_command = octet_at(header_, 12);
  if (version_and_command != 0x20 && version_and_command != 0x21)
    return finish(std::unexpected(Flaw::Version));
  octets_wanted_ = fixed_octets + number_at(header_, 14);
  if (octets_wanted_ > header_octets_max) return finish(std::unexpected(Flaw::TooLong));
  if (octets_wanted_ == fixed_octets) finish(read_binary(header_));
}

void HeaderReader::finish(std::expected<Origin, Flaw> result) {
  result_ = result;
  done_ = true;
  std::string().swap(header_);
}

}  // namespace ringpost::proxy
