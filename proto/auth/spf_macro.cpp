// Macros of SPF, in one pass over the text: RFC 7208 7. Fails with nothing.
#include "proto/auth/spf_macro.h"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "proto/base/ascii.h"

namespace ringpost::auth {
namespace {

constexpr std::string_view delimiters = ".-+,/_=";
constexpr std::size_t expansion_octets_max = 4096;  // before a name is cut to its 253 octets
constexpr std::size_t name_text_octets_max = 253;

enum class Kind { Literal, Percent, Space, EscapedSpace, Macro };

// One literal character, or what a percent sign begins.
struct Piece {
  Kind kind = Kind::Literal;
  char letter = 0;        // of a macro, as written; else the literal
  std::size_t parts = 0;  // 0: all of them
  bool reversed = false;
  std::string_view splits = ".";
};

bool is_letter(char c, bool explains) {
  const char lower = ascii::to_lower(c);
  return std::string_view("slodiphv").contains(lower) ||
         (explains && std::string_view("crt").contains(lower));
}

// What stands between "%{" and "}".
std::optional<Piece> parse_body(std::string_view body, bool explains) {
  if (body.empty() || !is_letter(body[0], explains)) return std::nullopt;
  Piece piece{.kind = Kind::Macro, .letter = body[0]};
  body.remove_prefix(1);
  const auto digits =
      static_cast<std::size_t>(std::ranges::find_if_not(body, ascii::is_digit) - body.begin());
  if (digits > 0) {
    const bool is_zero =
        std::ranges::all_of(body.substr(0, digits), [](char c) { return c == '0'; });
    if (is_zero) return std::nullopt;
    // A number that is too large to be one means all parts, as any number above theirs does.
    piece.parts = ascii::parse_decimal<std::size_t>(body.substr(0, digits)).value_or(0);
    body.remove_prefix(digits);
  }
  if (!body.empty() && ascii::to_lower(body[0]) == 'r') {
    piece.reversed = true;
    body.remove_prefix(1);
  }
  if (body.find_first_not_of(delimiters) != std::string_view::npos) return std::nullopt;
  if (!body.empty()) piece.splits = body;
  return piece;
}

// Takes the next piece off the front of `text`, which is not empty.
std::optional<Piece> take_piece(std::string_view& text, bool explains) {
  const char c = text[0];
  if (c != '%') {
    text.remove_prefix(1);
    if (c < 0x21 || c > 0x7e)
      return c == ' ' && explains ? std::optional(Piece{.letter = c}) : std::nullopt;
    return Piece{.letter = c};
  }
  if (text.size() < 2) return std::nullopt;
  const char next = text[1];
  if (next != '{') {
    text.remove_prefix(2);
    if (next == '%') return Piece{.kind = Kind::Percent};
    if (next == '_') return Piece{.kind = Kind::Space};
    if (next == '-') return Piece{.kind = Kind::EscapedSpace};
    return std::nullopt;
  }
  const std::size_t end = text.find('}');
  if (end == std::string_view::npos) return std::nullopt;
  auto piece = parse_body(text.substr(2, end - 2), explains);
  text.remove_prefix(end + 1);
  return piece;
}

// Nibbles in upper case, as published test suites have them; the DNS does not mind.
std::string dotted(const conf::NetAddress& address) {
  if (address.family == conf::Family::Inet4) return conf::to_text(address);
  std::string text;
  for (const std::uint8_t octet : address.octets)
    text += fmt::format("{}{:X}.{:X}", text.empty() ? "" : ".", octet >> 4, octet & 15);
  return text;
}

std::string value_of(char letter, const MacroValues& values) {
  switch (letter) {
    case 's':
      return fmt::format("{}@{}", values.local_part, values.sender_domain);
    case 'l':
      return std::string(values.local_part);
    case 'o':
      return std::string(values.sender_domain);
    case 'd':
      return std::string(values.domain);
    case 'i':
      return dotted(values.client);
    case 'p':
      return std::string(values.validated_name);
    case 'h':
      return std::string(values.helo);
    case 'c':
      return conf::to_text(values.client);
    case 'r':
      return std::string(values.receiver);
    case 't':
      return fmt::format("{}", values.now.seconds());
    default:
      return values.client.family == conf::Family::Inet4 ? "in-addr" : "ip6";
  }
}

// RFC 7208 7.3: split, turned around, the right-hand parts of it, joined with dots.
std::string transformed(std::string_view value, const Piece& piece) {
  std::vector<std::string_view> parts;
  while (true) {
    const std::size_t end = value.find_first_of(piece.splits);
    parts.push_back(value.substr(0, end));
    if (end == std::string_view::npos) break;
    value.remove_prefix(end + 1);
  }
  if (piece.reversed) std::ranges::reverse(parts);
  const bool cuts = piece.parts != 0 && piece.parts < parts.size();
  std::string text;
  for (std::size_t i = cuts ? parts.size() - piece.parts : 0; i < parts.size(); ++i) {
    text += parts[i];
    if (i + 1 < parts.size()) text += '.';
  }
  return text;
}

// RFC 3986 2.3: all but the unreserved characters.
std::string url_escaped(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    if (ascii::is_alnum(c) || std::string_view("-._~").contains(c))
      escaped += c;
    else
      escaped += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return escaped;
}

std::string expansion_of(const Piece& piece, const MacroValues& values) {
  switch (piece.kind) {
    case Kind::Literal:
      return std::string(1, piece.letter);
    case Kind::Percent:
      return "%";
    case Kind::Space:
      return " ";
    case Kind::EscapedSpace:
      return "%20";
    case Kind::Macro:
      break;
  }
  std::string text = transformed(value_of(ascii::to_lower(piece.letter), values), piece);
  return ascii::is_upper(piece.letter) ? url_escaped(text) : text;
}

// RFC 7208 7.1 toplabel: letters, digits and hyphens inside; not digits alone.
bool is_top_label(std::string_view label) {
  if (label.empty() || !ascii::is_alnum(label.front()) || !ascii::is_alnum(label.back()))
    return false;
  return std::ranges::all_of(label, [](char c) { return ascii::is_alnum(c) || c == '-'; }) &&
         !std::ranges::all_of(label, ascii::is_digit);
}

}  // namespace

bool is_macro_string(std::string_view text, bool explains) {
  while (!text.empty())
    if (!take_piece(text, explains)) return false;
  return true;
}

bool is_domain_spec(std::string_view text) {
  std::string_view rest = text;
  bool ends_with_macro = false;
  while (!rest.empty()) {
    const auto piece = take_piece(rest, false);
    if (!piece) return false;
    ends_with_macro = piece->kind != Kind::Literal;
  }
  if (text.empty() || ends_with_macro) return ends_with_macro;
  if (text.ends_with('.')) text.remove_suffix(1);
  const std::size_t dot = text.rfind('.');
  return dot != std::string_view::npos && is_top_label(text.substr(dot + 1));
}

bool needs_validated_name(std::string_view text) {
  while (!text.empty()) {
    const auto piece = take_piece(text, true);
    if (!piece) return false;
    if (piece->kind == Kind::Macro && ascii::to_lower(piece->letter) == 'p') return true;
  }
  return false;
}

std::optional<std::string> expand_macros(std::string_view text, const MacroValues& values,
                                         std::size_t octets_max) {
  std::string expanded;
  while (!text.empty()) {
    const auto piece = take_piece(text, true);
    if (!piece) return std::nullopt;
    expanded += expansion_of(*piece, values);
    if (expanded.size() > octets_max) return std::nullopt;
  }
  return expanded;
}

std::optional<dns::Name> expand_domain(std::string_view spec, const MacroValues& values) {
  const auto expanded = expand_macros(spec, values, expansion_octets_max);
  if (!expanded) return std::nullopt;
  std::string_view text = *expanded;
  if (text.ends_with('.')) text.remove_suffix(1);
  while (text.size() > name_text_octets_max) {
    const std::size_t dot = text.find('.');
    if (dot == std::string_view::npos) return std::nullopt;
    text.remove_prefix(dot + 1);
  }
  return plain_name(text);
}

std::optional<dns::Name> plain_name(std::string_view text) {
  if (text.size() > name_text_octets_max + 1 || text == ".") return std::nullopt;
  if (!text.contains('\\')) return dns::Name::parse(text);
  std::string escaped;
  for (const char c : text) {
    if (c == '\\') escaped += '\\';
    escaped += c;
  }
  return dns::Name::parse(escaped);
}

std::string plain_text(const dns::Name& name) {
  const std::string& wire = name.wire();
  std::string text;
  for (std::size_t at = 0; wire[at] != '\0';) {
    const auto length = static_cast<std::size_t>(wire[at]);
    if (!text.empty()) text += '.';
    text.append(wire, at + 1, length);
    at += 1 + length;
  }
  return text;
}

}  // namespace ringpost::auth
