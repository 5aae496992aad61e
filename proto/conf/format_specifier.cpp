// %{...} in paths and commands: smtpd.conf(5), section FORMAT SPECIFIERS. Checked at load, expanded
// per delivery. A value is modified first, made harmless second, cut to its substring last.
#include "proto/conf/format_specifier.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "proto/base/ascii.h"

namespace ringpost::conf {
namespace {

constexpr std::size_t expansion_octets_max = 4096;
constexpr int offset_max = 4096;

// Octets that would leave the folder, or mean something to a shell or a mail tool, become ':'. A
// value of a peer may hold anything; `raw` keeps those that only a shell minds.
constexpr std::string_view unsafe = "!#$%&'*?`{|}~ \"()\\/<>;[]^\t\r\n";
constexpr std::string_view unsafe_raw = "/\\`$\"'\r\n";

bool must_hide(char c, bool raw) {
  return ascii::is_control(c) || (raw ? unsafe_raw : unsafe).contains(c);
}

void hide_unsafe(std::string& value, bool raw) {
  std::ranges::replace_if(value, [raw](char c) { return must_hide(c, raw); }, ':');
}

// "." and ".." would be folders of their own, so a value never becomes one of them.
std::string_view without_dots(std::string_view value) {
  return value == "." ? ":" : value == ".." ? "::" : value;
}

// At the beginning of a word of a command a '-' would make an option of a stranger's address.
bool begins_word(std::string_view command) {
  while (command.ends_with('"') || command.ends_with('\'')) command.remove_suffix(1);
  return command.empty() || ascii::is_blank(command.back()) || command.back() == '\n';
}

void strip_tag(std::string& value, char delimiter) {
  const std::size_t tag = value.find(delimiter);
  if (tag == std::string::npos) return;
  const std::size_t at = value.find('@', tag);
  value.erase(tag, at == std::string::npos ? at : at - tag);
}

char to_upper(char c) { return ascii::is_lower(c) ? static_cast<char>(c - 32) : c; }

std::string address_text(AddressView address) {
  if (address.user.empty() && address.domain.empty()) return {};
  return fmt::format("{}@{}", address.user, address.domain);
}

std::optional<int> parse_offset(std::string_view text) {
  const bool negative = text.starts_with('-');
  const auto value = ascii::parse_decimal<int>(text.substr(negative ? 1 : 0));
  if (!value || *value > offset_max) return std::nullopt;
  return negative ? -*value : *value;
}

// The entry of a name, in any case.
template <class Table>
auto named(const Table& table, std::string_view name) {
  return std::ranges::find_if(
      table, [name](const auto& entry) { return ascii::equal_ignoring_case(entry.first, name); });
}

}  // namespace

// :mod|mod
std::expected<std::vector<FormatString::Modifier>, std::string> FormatString::parse_modifiers(
    std::string_view rest) {
  static constexpr std::array<std::pair<std::string_view, Modifier>, 4> known_modifiers{{
      {"lowercase", Modifier::Lowercase},
      {"uppercase", Modifier::Uppercase},
      {"strip", Modifier::Strip},
      {"raw", Modifier::Raw},
  }};
  std::vector<Modifier> modifiers;
  if (rest.front() != ':') return std::unexpected("expected ':' and a modifier, or '}'");
  rest.remove_prefix(1);
  for (bool more = true; more;) {
    const std::size_t bar = rest.find('|');
    const auto modifier = named(known_modifiers, rest.substr(0, bar));
    if (modifier == known_modifiers.end()) {
      return std::unexpected(fmt::format("unknown modifier \"{}\"", rest.substr(0, bar)));
    }
    modifiers.push_back(modifier->second);
    more = bar != std::string_view::npos;
    if (more) rest.remove_prefix(bar + 1);
  }
  return modifiers;
}

// token[a:b]:mod|mod, all but the name optional.
std::expected<FormatString::Piece, std::string> FormatString::parse_piece(std::string_view token) {
  static constexpr std::array<std::pair<std::string_view, Field>, 13> fields{{
      {"sender", Field::Sender},
      {"sender.user", Field::SenderUser},
      {"sender.domain", Field::SenderDomain},
      {"rcpt", Field::Recipient},
      {"rcpt.user", Field::RecipientUser},
      {"rcpt.domain", Field::RecipientDomain},
      {"dest", Field::Destination},
      {"dest.user", Field::DestinationUser},
      {"dest.domain", Field::DestinationDomain},
      {"user.username", Field::Username},
      {"user.directory", Field::Directory},
      {"mbox.from", Field::MboxFrom},
      {"mda", Field::Mda},
  }};

  Piece piece;
  const std::size_t name_end = std::min(token.find_first_of("[:"), token.size());
  const std::string_view name = token.substr(0, name_end);
  const auto field = named(fields, name);
  if (field == fields.end()) {
    return std::unexpected(fmt::format("unknown format specifier %{{{}}}", name));
  }
  piece.field = field->second;
  std::string_view rest = token.substr(name_end);
  if (rest.starts_with('[')) {
    const std::size_t close = rest.find(']');
    if (close == std::string_view::npos) return std::unexpected("missing ']' of a substring");
    const std::string_view range = rest.substr(1, close - 1);
    const std::size_t colon = range.find(':');
    const auto offset = [](std::string_view text, int otherwise) {
      return text.empty() ? std::optional(otherwise) : parse_offset(text);
    };
    const auto begin = offset(range.substr(0, colon), 0);
    piece.single = colon == std::string_view::npos;
    if (!begin || (piece.single && range.empty())) {
      return std::unexpected(fmt::format("invalid substring [{}]", range));
    }
    piece.begin = *begin;
    if (!piece.single && colon + 1 < range.size()) {
      piece.end = parse_offset(range.substr(colon + 1));
      if (!piece.end) return std::unexpected(fmt::format("invalid substring [{}]", range));
    }
    rest.remove_prefix(close + 1);
  }
  if (rest.empty()) return piece;
  auto modifiers = parse_modifiers(rest);
  if (!modifiers) return std::unexpected(std::move(modifiers.error()));
  piece.modifiers = std::move(*modifiers);
  return piece;
}

std::expected<FormatString, FormatString::Error> FormatString::parse(std::string_view text) {
  FormatString result;
  result.text_ = text;
  const auto literal = [&result](std::string_view part) {
    auto& pieces = result.pieces_;
    if (pieces.empty() || pieces.back().field != Field::Literal) pieces.emplace_back();
    pieces.back().literal += part;
  };
  std::size_t at = 0;
  if (text.starts_with("~/")) {
    result.pieces_.push_back({.field = Field::Directory});
    at = 1;
  }
  while (at < text.size()) {
    const std::string_view rest = text.substr(at);
    if (rest.starts_with("%%")) {
      literal("%");
      at += 2;
    } else if (rest.starts_with("%{")) {
      const std::size_t close = rest.find('}');
      if (close == std::string_view::npos) return std::unexpected(Error{at, "missing '}'"});
      auto piece = parse_piece(rest.substr(2, close - 2));
      if (!piece) return std::unexpected(Error{at, std::move(piece.error())});
      result.pieces_.push_back(std::move(*piece));
      at += close + 1;
    } else {
      literal(rest.substr(0, 1));
      at += 1;
    }
  }
  return result;
}

FormatString FormatString::unusable(std::string_view text) {
  FormatString result;
  result.text_ = text;
  result.unusable_ = true;
  return result;
}

namespace {

// The octets begin..end (inclusive) of `value`; negative offsets count from its end.
std::optional<std::string_view> cut(std::string_view value, int begin, std::optional<int> end) {
  const int size = static_cast<int>(value.size());
  if (size == 0) return value;
  int last = end.value_or(size - 1);
  if (begin >= size) return std::nullopt;
  if (begin < 0) begin += size;
  if (last < 0) last += size;
  last = std::min(last, size - 1);
  if (begin < 0 || last < begin) return std::nullopt;
  return value.substr(static_cast<std::size_t>(begin), static_cast<std::size_t>(last - begin + 1));
}

}  // namespace

std::optional<std::string> FormatString::expand(const FormatValues& values) const {
  const auto value_of = [&values](Field field) -> std::string {
    switch (field) {
      case Field::Literal:
        break;
      case Field::Sender:
        return address_text(values.sender);
      case Field::SenderUser:
        return std::string(values.sender.user);
      case Field::SenderDomain:
        return std::string(values.sender.domain);
      case Field::Recipient:
        return address_text(values.recipient);
      case Field::RecipientUser:
        return std::string(values.recipient.user);
      case Field::RecipientDomain:
        return std::string(values.recipient.domain);
      case Field::Destination:
        return address_text(values.destination);
      case Field::DestinationUser:
        return std::string(values.destination.user);
      case Field::DestinationDomain:
        return std::string(values.destination.domain);
      case Field::Username:
        return std::string(values.username);
      case Field::Directory:
        return std::string(values.directory);
      case Field::Mda:
        return std::string(values.mda);
      case Field::MboxFrom: {
        std::string sender = address_text(values.sender);
        return sender.empty() ? "MAILER-DAEMON" : sender;
      }
    }
    return {};
  };

  if (unusable_) return std::nullopt;
  std::string result;
  for (const Piece& piece : pieces_) {
    if (piece.field == Field::Literal) {
      result += piece.literal;
      continue;
    }
    std::string value = value_of(piece.field);
    for (const Modifier modifier : piece.modifiers) {
      if (modifier == Modifier::Lowercase)
        std::ranges::transform(value, value.begin(), ascii::to_lower);
      if (modifier == Modifier::Uppercase) std::ranges::transform(value, value.begin(), to_upper);
      if (modifier == Modifier::Strip) strip_tag(value, values.delimiter);
    }
    const bool raw = std::ranges::find(piece.modifiers, Modifier::Raw) != piece.modifiers.end();
    const bool is_folder = piece.field == Field::Directory;
    const bool is_ours = is_folder || piece.field == Field::Mda;    // no peer had a hand in it
    if (is_folder && !value.starts_with('/')) return std::nullopt;  // a user without a home
    if (!is_ours) hide_unsafe(value, raw && !values.for_shell);
    const auto part = cut(value, piece.begin, piece.single ? piece.begin : piece.end);
    if (!part || result.size() + part->size() > expansion_octets_max) return std::nullopt;
    const bool is_option = values.for_shell && part->starts_with('-') && begins_word(result);
    if (is_ours) {
      result += *part;
    } else if (is_option) {
      result += fmt::format(":{}", part->substr(1));
    } else {
      result += without_dots(*part);
    }
  }
  return result;
}

bool FormatString::is_absolute() const {
  if (pieces_.empty()) return false;
  const Piece& first = pieces_.front();
  return first.field == Field::Directory ||
         (first.field == Field::Literal && first.literal.starts_with('/'));
}

bool FormatString::depends_on_destination() const {
  return std::ranges::any_of(pieces_, [](const Piece& piece) {
    return piece.field == Field::Destination || piece.field == Field::DestinationUser ||
           piece.field == Field::DestinationDomain;
  });
}

}  // namespace ringpost::conf
