// aliases(5): splitting and classifying the items of one list, and the lists of a file.
#include "proto/conf/alias.h"

#include <algorithm>

#include <fmt/format.h>

#include "proto/base/ascii.h"

namespace ringpost::conf {
namespace {

using Target = std::expected<AliasTarget, std::string>;

bool is_name(std::string_view text) {
  static constexpr std::string_view forbidden = "\"'\\,:;<>()[]@|/";
  return !text.empty() && std::ranges::none_of(text, [](char c) {
    return ascii::is_control(c) || c == ' ' || forbidden.contains(c);
  });
}

// More than a system user's name may hold.
bool is_local_part(std::string_view text) {
  static constexpr std::string_view forbidden = "\"\\,:;<>()[]@";
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

Target path_target(AliasKind kind, std::string_view path) {
  const bool is_path = path.starts_with('/') && std::ranges::none_of(path, ascii::is_control);
  if (!is_path) return std::unexpected(fmt::format("\"{}\" is not an absolute path", path));
  return AliasTarget{.kind = kind, .text = path};
}

Target command_target(std::string_view command) {
  command = ascii::trim(command);
  if (command.empty()) return std::unexpected("a command is missing behind '|'");
  if (command.contains('\0')) return std::unexpected("a NUL octet in a command");
  return AliasTarget{.kind = AliasKind::Command, .text = command};
}

Target mailbox_target(std::string_view item) {
  const std::size_t at = item.rfind('@');
  const std::string_view user = item.substr(0, at);
  const bool is_fine = at == std::string_view::npos ? is_name(user) : is_local_part(user);
  if (!is_fine) return std::unexpected(fmt::format("\"{}\" is not a user or address", item));
  if (at == std::string_view::npos) return AliasTarget{.kind = AliasKind::User, .user = user};
  const std::string_view domain = item.substr(at + 1);
  if (!is_domain(domain)) {
    return std::unexpected(fmt::format("\"{}\" has no valid domain", item));
  }
  return AliasTarget{.kind = AliasKind::Address, .user = user, .domain = domain};
}

// The text behind one of the words, which begin with a colon or not.
std::optional<std::string_view> behind(std::string_view item, std::string_view word) {
  if (item.starts_with(':')) item.remove_prefix(1);
  if (!ascii::starts_ignoring_case(item, word)) return std::nullopt;
  return item.substr(word.size());
}

Target classify(std::string_view item) {
  if (item.size() > alias_item_octets_max) return std::unexpected("an item is too long");
  // Quotes around the whole of an item keep its commas and blanks.
  const bool is_quoted = item.size() > 1 && item.starts_with('"') && item.ends_with('"');
  const std::string_view bare = is_quoted ? item.substr(1, item.size() - 2) : item;
  if (const auto text = behind(bare, "error:")) return error_target(*text);
  if (const auto path = behind(bare, "include:")) return path_target(AliasKind::Include, *path);
  if (bare.starts_with('|')) return command_target(bare.substr(1));
  if (bare.starts_with('/')) return path_target(AliasKind::File, bare);
  return mailbox_target(item);
}

// Follows quotes and backslashes, one octet after the other.
class Quotes {
 public:
  // True when `c` is an ordinary octet: neither quoted nor behind a backslash nor one itself.
  bool take(char c) {
    if (is_escaped_) {
      is_escaped_ = false;
      return false;
    }
    if (c == '\\') {
      is_escaped_ = has_escape_ = true;
      return false;
    }
    if (quote_ != '\0') {
      if (c == quote_) quote_ = '\0';
      return false;
    }
    if (c == '"' || c == '\'') quote_ = c;
    return quote_ == '\0';
  }
  bool is_open() const { return is_escaped_ || quote_ != '\0'; }
  bool has_escape() const { return has_escape_; }

 private:
  char quote_ = '\0';
  bool is_escaped_ = false;
  bool has_escape_ = false;
};

}  // namespace

// Up to a comma or a comment, which begins at a '#' with a blank before it.
std::expected<std::string_view, std::string> AliasTargets::take_item() {
  Quotes quotes;
  std::size_t size = 0;
  bool is_comment = false;
  for (; size < rest_.size(); ++size) {
    const char c = rest_[size];
    if (!quotes.take(c)) continue;
    is_comment = c == '#' && (size == 0 || ascii::is_blank(rest_[size - 1]));
    if (c == ',' || is_comment) break;
  }
  const std::string_view item = ascii::trim(rest_.substr(0, size));
  rest_.remove_prefix(is_comment ? rest_.size() : std::min(size + 1, rest_.size()));
  if (quotes.is_open()) {
    return std::unexpected(fmt::format("a quote or backslash without an end in \"{}\"", item));
  }
  if (!quotes.has_escape()) return item;
  unescaped_.clear();
  for (std::size_t i = 0; i < item.size(); ++i) {
    if (item[i] == '\\' && i + 1 < item.size()) ++i;
    unescaped_ += item[i];
  }
  return unescaped_;
}

std::optional<Target> AliasTargets::next() {
  while (!rest_.empty()) {
    const auto item = take_item();
    if (!item) return std::unexpected(item.error());
    if (!item->empty()) return classify(*item);
  }
  return std::nullopt;
}

// One line with those that continue it; false at the end of the file.
bool AliasFile::take_line() {
  if (rest_.empty()) return false;
  line_ = next_line_;
  text_.clear();
  Quotes quotes;
  bool is_comment = false;
  while (!rest_.empty()) {
    const char c = rest_.front();
    rest_.remove_prefix(1);
    if (c == '\n') ++next_line_;
    const bool is_continued = c == '\n' && text_.ends_with('\\') && !is_comment;
    if (is_continued) text_.pop_back();
    if (c == '\n' && !is_continued) break;
    if (!is_comment) is_comment = quotes.take(c) && c == '#';
    if (!is_comment && !is_continued && c != '\r') text_ += c;
  }
  targets_ = AliasTargets(text_);
  return true;
}

std::optional<Target> AliasFile::next() {
  for (;;) {
    if (auto target = targets_.next()) return target;
    if (!take_line()) return std::nullopt;
  }
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
