// aliases(5): splitting and classifying the targets of one value.
#include "proto/conf/alias.h"

#include <algorithm>

#include <fmt/format.h>

#include "proto/base/ascii.h"

namespace ringpost::conf {
namespace {

using Target = std::expected<AliasTarget, std::string>;

// The length of the first item: up to a comma outside quotes, behind a backslash nothing ends it.
std::size_t item_size(std::string_view text) {
  char quote = '\0';
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\\') {
      ++i;
    } else if (quote != '\0') {
      if (c == quote) quote = '\0';
    } else if (c == '"' || c == '\'') {
      quote = c;
    } else if (c == ',') {
      return i;
    }
  }
  return text.size();
}

// "root: admin # who reads it": a comment begins at a '#' with a blank before it.
std::string_view without_comment(std::string_view item) {
  for (std::size_t hash = item.find('#'); hash != std::string_view::npos;
       hash = item.find('#', hash + 1)) {
    if (hash == 0 || ascii::is_blank(item[hash - 1])) return ascii::trim(item.substr(0, hash));
  }
  return item;
}

bool is_name(std::string_view text) {
  static constexpr std::string_view forbidden = "\"'\\,:;<>()[]@|/";
  return !text.empty() && std::ranges::none_of(text, [](char c) {
    return ascii::is_control(c) || c == ' ' || forbidden.contains(c);
  });
}

bool is_domain(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return ascii::is_alnum(c) || ascii::is_high(c) || std::string_view("-._[]:").contains(c);
  });
}

Target error_target(std::string_view text) {
  const auto code = ascii::parse_decimal<unsigned>(text.substr(0, 3));
  const std::string_view message = text.size() > 4 ? text.substr(4) : std::string_view();
  const bool is_printable = std::ranges::none_of(message, ascii::is_control);
  if (!code || *code < 400 || *code > 599 || message.empty() || text[3] != ' ' || !is_printable) {
    return std::unexpected("an error: alias needs a code from 400 to 599, a blank and a text");
  }
  return AliasTarget{.kind = AliasKind::Error, .code = *code, .text = message};
}

Target classify(std::string_view item) {
  const std::string_view unquoted = item.starts_with('"') ? item.substr(1) : item;
  if (ascii::starts_ignoring_case(unquoted, "error:")) {
    std::string_view text = unquoted.substr(6);
    if (item.starts_with('"') && text.ends_with('"')) text.remove_suffix(1);
    return error_target(text);
  }
  if (ascii::starts_ignoring_case(unquoted, ":include:")) {
    return std::unexpected("an alias with :include: is not implemented yet");
  }
  if (unquoted.starts_with('|')) {
    return std::unexpected("an alias to a command (|) is not implemented yet");
  }
  if (unquoted.starts_with('/')) {
    return std::unexpected("an alias to a file is not implemented yet");
  }
  if (item.starts_with('\\')) item.remove_prefix(1);
  const std::size_t at = item.rfind('@');
  const std::string_view user = item.substr(0, at);
  if (!is_name(user)) return std::unexpected(fmt::format("\"{}\" is not a user or address", item));
  if (at == std::string_view::npos) return AliasTarget{.kind = AliasKind::User, .user = user};
  const std::string_view domain = item.substr(at + 1);
  if (!is_domain(domain)) {
    return std::unexpected(fmt::format("\"{}\" has no valid domain", item));
  }
  return AliasTarget{.kind = AliasKind::Address, .user = user, .domain = domain};
}

}  // namespace

std::optional<Target> AliasTargets::next() {
  while (!rest_.empty()) {
    const std::size_t size = item_size(rest_);
    const std::string_view item = without_comment(ascii::trim(rest_.substr(0, size)));
    rest_.remove_prefix(std::min(size + 1, rest_.size()));
    if (!item.empty()) return classify(item);
  }
  return std::nullopt;
}

std::vector<TableError> check_alias_rows(const Table& table) {
  std::vector<TableError> errors;
  for (std::size_t i = 0; i < table.size(); ++i) {
    const TableRow row = table.row(i);
    AliasTargets targets(row.value);
    bool has_target = false;
    while (const auto target = targets.next()) {
      has_target = true;
      if (!*target) errors.push_back(table.error_at(i, target->error()));
    }
    if (!has_target) errors.push_back(table.error_at(i, "an alias without a target"));
  }
  return errors;
}

}  // namespace ringpost::conf
