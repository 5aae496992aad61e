// Names between text and wire: RFC 1035 3.1, 4.1.4 and 5.1. Fails with nothing.
#include "proto/dns/name.h"

#include <algorithm>
#include <span>

#include <fmt/format.h>

#include "proto/base/ascii.h"

namespace ringpost::dns {
namespace {

constexpr unsigned pointer_bits = 0xc0;  // RFC 1035 4.1.4

unsigned octet_at(Bytes message, std::size_t at) { return std::to_integer<unsigned>(message[at]); }

// Labels one after the other; refuses what would make the name too long.
class NameBuilder {
 public:
  bool add(std::string_view label) {
    if (label.empty() || label.size() > label_octets_max) return false;
    if (wire_.size() + 1 + label.size() + 1 > name_octets_max) return false;
    wire_ += static_cast<char>(label.size());
    const std::size_t begin = wire_.size();
    wire_ += label;
    for (char& c : std::span(wire_).subspan(begin)) c = ascii::to_lower(c);
    return true;
  }
  void expect(std::size_t octets) { wire_.reserve(octets); }
  std::string finish() {
    wire_ += '\0';
    return std::move(wire_);
  }

 private:
  std::string wire_;
};

// What a backslash begins: three digits, or one character that stands for itself. Takes it off.
std::optional<char> take_escaped(std::string_view& text) {
  if (text.empty()) return std::nullopt;
  if (!ascii::is_digit(text[0])) {
    const char c = text[0];
    text.remove_prefix(1);
    return c;
  }
  const auto value = ascii::parse_decimal<std::uint8_t>(text.substr(0, 3));
  if (text.size() < 3 || !value) return std::nullopt;
  text.remove_prefix(3);
  return static_cast<char>(*value);
}

// The label up to the next dot or the end, which is taken off as well.
std::optional<std::string> take_label(std::string_view& text) {
  std::string label;
  while (!text.empty()) {
    const char c = text[0];
    text.remove_prefix(1);
    if (c == '.') return label;
    if (c != '\\') {
      label += c;
      continue;
    }
    const auto escaped = take_escaped(text);
    if (!escaped) return std::nullopt;
    label += *escaped;
  }
  return label;
}

// The same without a copy, of a text that escapes nothing.
std::string_view take_plain_label(std::string_view& text) {
  const std::string_view label = text.substr(0, text.find('.'));
  text.remove_prefix(std::min(label.size() + 1, text.size()));
  return label;
}

bool is_plain_character(char c) { return ascii::is_alnum(c) || c == '-' || c == '_'; }

}  // namespace

std::optional<Name> Name::parse(std::string_view text) {
  if (text == ".") return Name();
  if (text.empty()) return std::nullopt;
  NameBuilder builder;
  builder.expect(std::min(text.size() + 2, name_octets_max));
  const bool is_escaped = text.contains('\\');
  while (!is_escaped && !text.empty())
    if (!builder.add(take_plain_label(text))) return std::nullopt;
  while (!text.empty()) {
    const auto label = take_label(text);
    if (!label || !builder.add(*label)) return std::nullopt;
  }
  return Name(builder.finish());
}

Name Name::reverse_of(const conf::NetAddress& address) {
  NameBuilder builder;
  if (address.family == conf::Family::Inet4) {
    for (int i = 3; i >= 0; --i)
      builder.add(fmt::format("{}", address.octets[static_cast<std::size_t>(i)]));
    builder.add("in-addr");
  } else {
    constexpr std::string_view digits = "0123456789abcdef";
    for (int i = 15; i >= 0; --i) {
      const unsigned octet = address.octets[static_cast<std::size_t>(i)];
      builder.add(digits.substr(octet & 15, 1));
      builder.add(digits.substr(octet >> 4, 1));
    }
    builder.add("ip6");
  }
  builder.add("arpa");
  return Name(builder.finish());
}

// Each pointer must point before the place where the part of the name that holds it began, so that
// no chain of them can go around.
std::optional<Name> Name::read(Bytes message, std::size_t& at) {
  NameBuilder builder;
  std::size_t place = at;
  std::size_t part_began = at;
  std::size_t pointers = 0;
  while (place < message.size()) {
    const unsigned length = octet_at(message, place);
    if (length == 0) {
      if (pointers == 0) at = place + 1;
      return Name(builder.finish());
    }
    if (length >= pointer_bits) {
      if (place + 2 > message.size() || ++pointers > pointers_max) return std::nullopt;
      const std::size_t target = (length & ~pointer_bits) << 8 | octet_at(message, place + 1);
      if (target >= part_began) return std::nullopt;
      if (pointers == 1) at = place + 2;
      place = part_began = target;
      continue;
    }
    if (length > label_octets_max || place + 1 + length > message.size()) return std::nullopt;
    if (!builder.add(text_of(message.subspan(place + 1, length)))) return std::nullopt;
    place += 1 + length;
  }
  return std::nullopt;
}

std::string Name::text() const {
  if (is_root()) return ".";
  std::string text;
  for (std::size_t at = 0; wire_[at] != '\0';) {
    const auto length = static_cast<std::size_t>(wire_[at]);
    if (at > 0) text += '.';
    for (const char c : std::string_view(wire_).substr(at + 1, length)) {
      if (c == '.' || c == '\\')
        text += '\\', text += c;
      else if (ascii::is_control(c) || ascii::is_high(c) || c == ' ')
        text += fmt::format("\\{:03}", static_cast<unsigned char>(c));
      else
        text += c;
    }
    at += 1 + length;
  }
  return text;
}

bool Name::is_plain() const {
  if (is_root()) return false;
  for (std::size_t at = 0; wire_[at] != '\0';) {
    const auto length = static_cast<std::size_t>(wire_[at]);
    if (!std::ranges::all_of(std::string_view(wire_).substr(at + 1, length), is_plain_character))
      return false;
    at += 1 + length;
  }
  return true;
}

}  // namespace ringpost::dns
