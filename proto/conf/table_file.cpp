// The text of table files, table(5) and aliases(5), and of userinfo rows, passwd(5) like.
// Every malformed line is reported with its number; one is enough for the table to be refused.
#include <algorithm>
#include <utility>

#include "proto/base/ascii.h"
#include "proto/conf/table.h"

namespace ringpost::conf {
namespace {

constexpr std::size_t text_octets_max = 0xfffffff0;  // offsets are 32 bits
constexpr std::string_view line_blanks = " \t\r\v\f";

std::string_view strip(std::string_view line) {
  const std::size_t begin = line.find_first_not_of(line_blanks);
  if (begin == std::string_view::npos) return {};
  return line.substr(begin, line.find_last_not_of(line_blanks) - begin + 1);
}

// Where the key of a line ends: at a blank or colon; an address in brackets is a key with its
// colons, and a line that begins with a colon ("::1") has no separator at all.
std::size_t key_size(std::string_view line) {
  if (line.starts_with(':')) return line.size();
  if (!line.starts_with('[')) return std::min(line.find_first_of(" \t:"), line.size());
  const std::size_t close = line.find(']');
  return close == std::string_view::npos ? close : close + 1;
}

struct UserFields {
  std::uint32_t uid, gid;
  std::string_view directory;
};

// "uid:gid:home", or "user:uid:gid:home" never: the key is the user.
std::optional<UserFields> parse_user_fields(std::string_view value) {
  const std::size_t first = value.find(':');
  const std::size_t second = first == std::string_view::npos ? first : value.find(':', first + 1);
  if (second == std::string_view::npos) return std::nullopt;
  const auto uid = ascii::parse_decimal<std::uint32_t>(value.substr(0, first));
  const auto gid = ascii::parse_decimal<std::uint32_t>(value.substr(first + 1, second - first - 1));
  const std::string_view directory = value.substr(second + 1);
  if (!uid || !gid || !directory.starts_with('/') || directory.contains(':')) return std::nullopt;
  return UserFields{*uid, *gid, directory};
}

}  // namespace

std::expected<Table, std::vector<TableError>> Table::from_file_text(std::string name,
                                                                    std::string text) {
  std::vector<TableError> errors;
  if (text.size() > text_octets_max) {
    errors.push_back({0, 0, "the table is larger than 4 GiB", {}});
    return std::unexpected(std::move(errors));
  }
  Table table(std::move(name), std::move(text));
  const std::string_view whole = table.text_;
  const auto offset_of = [whole](std::string_view part) {
    return static_cast<std::uint32_t>(part.data() - whole.data());
  };
  std::optional<TableKind> kind;
  std::uint32_t number = 0;
  for (std::size_t at = 0; at < whole.size();) {
    const std::size_t end = std::min(whole.find('\n', at), whole.size());
    const std::string_view raw = whole.substr(at, end - at);
    at = end + 1;
    ++number;
    const std::string_view line = strip(raw);
    if (line.empty()) continue;
    if (line.starts_with('#')) {
      if (!kind && strip(line.substr(1)) == "@list") kind = TableKind::List;
      continue;
    }
    const auto column = static_cast<std::uint32_t>(line.data() - raw.data() + 1);
    const auto fail = [&](const char* reason) {
      errors.push_back({number, column, reason, std::string(raw)});
    };
    const std::size_t size = key_size(line);
    const bool is_open = size == std::string_view::npos && kind != TableKind::List;
    if (raw.contains('\0') || is_open) {
      fail(raw.contains('\0') ? "a NUL octet in the table" : "missing ']' in the key");
      continue;
    }
    if (!kind) kind = size == line.size() ? TableKind::List : TableKind::Map;
    if (*kind == TableKind::List) {
      const auto octets = static_cast<std::uint32_t>(line.size());
      table.rows_.push_back({offset_of(line), octets, 0, 0, number});
      continue;
    }
    const std::size_t value_at = line.find_first_not_of(": \t", size);
    if (value_at == std::string_view::npos) {
      fail("a map needs a value behind every key");
      continue;
    }
    const std::string_view value = line.substr(value_at);
    table.rows_.push_back({offset_of(line), static_cast<std::uint32_t>(size), offset_of(value),
                           static_cast<std::uint32_t>(value.size()), number});
  }
  if (!errors.empty()) return std::unexpected(std::move(errors));
  table.kind_ = kind.value_or(TableKind::Map);  // an empty file may serve as aliases, or as a list
  table.build_index();
  return table;
}

std::optional<UserInfo> parse_user_info(std::string_view username, std::string_view value) {
  const auto fields = parse_user_fields(value);
  if (!fields) return std::nullopt;
  return UserInfo{std::string(username), fields->uid, fields->gid, std::string(fields->directory)};
}

std::optional<UserInfo> Table::find_user(std::string_view user) const {
  const std::uint32_t found = find_row(user);
  if (found == none) return std::nullopt;
  return parse_user_info(row(found).key, row(found).value);
}

std::vector<TableError> Table::check_user_rows() const {
  std::vector<TableError> errors;
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    if (parse_user_fields(row(i).value)) continue;
    errors.push_back(error_at(i, "expected uid:gid:home with an absolute home folder"));
  }
  return errors;
}

TableError Table::error_at(std::size_t index, std::string text) const {
  const Row& row = rows_[index];
  if (index < columns_.size()) return {row.line, columns_[index], std::move(text), {}};
  const std::string_view whole = text_;
  const std::size_t newline = whole.rfind('\n', row.key_offset);
  const std::size_t begin = newline == std::string_view::npos ? 0 : newline + 1;
  const std::size_t end = std::min(whole.find('\n', begin), whole.size());
  return {row.line, static_cast<std::uint32_t>(row.key_offset - begin + 1), std::move(text),
          std::string(whole.substr(begin, end - begin))};
}

}  // namespace ringpost::conf
