// Table: an immutable list or map, inline or from a file, matched as smtpd.conf(5) says for each
// use. Lookups are case-insensitive (ASCII), allocate nothing and cannot fail; a table is read by
// all cores. A file that cannot be read or holds nonsense is refused when the table is made, never
// at a lookup.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "proto/conf/net_address.h"

namespace ringpost::conf {

enum class TableKind : std::uint8_t { List, Map };

// Where the rows are: Memory for inline tables, files and databases that are read whole; the others
// are asked one question at a time (proto/conf/lookups.h) and hold no rows here.
// Dovecot has no rows for anybody: it is asked whether passwords are right.
enum class TableBackend : std::uint8_t { Memory, Lmdb, Proc, Dovecot };

// One row with its place in the table's text; `line` counts from 1.
struct TableRow {
  std::string_view key = {};
  std::string_view value = {};  // empty in a list
  std::uint32_t line = 0;
  std::uint32_t column = 0;  // of an inline table's key
};

// What is wrong with a table file: the caller adds the file's name.
struct TableError {
  std::uint32_t line = 0;
  std::uint32_t column = 0;
  std::string text;
  std::string source_line = {};  // of a table file
};

// A user as `userbase` tables and the system know them.
struct UserInfo {
  std::string username;
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::string directory;
  bool operator==(const UserInfo&) const = default;
};

// The user of a userinfo value, "uid:gid:home"; nothing when it is malformed.
std::optional<UserInfo> parse_user_info(std::string_view username, std::string_view value);

class Table {
 public:
  // The rows of an inline table; `kind` says whether values count.
  Table(std::string name, TableKind kind, std::span<const TableRow> rows);

  // The format of table(5) files: one entry a line; "key value", "key: value"; '#' comments; a
  // first comment "@list" keeps every line whole. All errors are returned. `text` is kept and not
  // copied.
  static std::expected<Table, std::vector<TableError>> from_file_text(std::string name,
                                                                      std::string text);

  // A table whose rows stay elsewhere: an LMDB file, or a process that answers.
  static Table external(std::string name, TableBackend backend, std::string path_or_command);

  const std::string& name() const { return name_; }
  TableBackend backend() const { return backend_; }
  // The file of a `file:`, `db:` or `lmdb:` table, the command of a process; empty for an inline
  // table.
  const std::string& path_or_command() const { return path_or_command_; }
  void set_path(std::string path) { path_or_command_ = std::move(path); }
  TableKind kind() const { return kind_; }
  std::size_t size() const { return rows_.size(); }
  TableRow row(std::size_t index) const;

  // The exact key of a list or map.
  bool contains(std::string_view key) const { return find_row(key) != none; }
  // The value of a key. The view lives as long as the table.
  std::optional<std::string_view> find(std::string_view key) const { return find(key, {}, {}); }
  // The value of the key that is these three parts in a row.
  std::optional<std::string_view> find(std::string_view a, std::string_view b,
                                       std::string_view c) const;

  // Domain: exact, "*.example.org" for every name below it, "*" for all, other '*' as a glob.
  bool matches_domain(std::string_view domain) const;
  // Mail address: "user@domain", "user", "@domain", "@", with the domains of matches_domain. An
  // entry without `delimiter` in its user also matches user+tag.
  bool matches_mail_address(std::string_view user, std::string_view domain, char delimiter) const;
  // Network address: addresses and prefixes. Only after index_addresses().
  bool matches_address(const NetAddress& address) const;

  // Prepares matches_address; called while the configuration is made. Returns the rows that are
  // neither an address, a prefix nor the word "local": they never match.
  std::vector<TableError> index_addresses();

  // The rows of a userinfo map, "uid:gid:home". Nothing when there is no such user; the rows were
  // checked by check_user_rows when the configuration was made.
  std::optional<UserInfo> find_user(std::string_view user) const;
  std::vector<TableError> check_user_rows() const;

  // An error about the row at `index`, with its place.
  TableError error_at(std::size_t index, std::string text) const;

 private:
  static constexpr std::uint32_t none = 0xffffffff;
  struct Row {
    std::uint32_t key_offset, key_size, value_offset, value_size, line;
  };
  // Of a slot that is free, `row` is none. What else it holds saves misses of the cache in large
  // tables: other keys are told by their hash, and the text is fetched beside the row.
  struct Slot {
    std::uint32_t row = none;
    std::uint32_t hash = 0;
    std::uint32_t key_offset = 0;
  };
  struct PrefixGroup {  // all prefixes of one family and length, sorted
    Family family;
    std::uint8_t length;
    std::vector<NetAddress> addresses;
  };

  Table(std::string name, std::string text) : name_(std::move(name)), text_(std::move(text)) {}
  std::string_view view(std::uint32_t offset, std::uint32_t size) const {
    return std::string_view(text_).substr(offset, size);
  }
  std::string_view key_of(const Row& row) const { return view(row.key_offset, row.key_size); }
  void build_index();
  std::uint32_t find_row(std::string_view key) const { return find_row(key, {}, {}); }
  std::uint32_t find_row(std::string_view a, std::string_view b, std::string_view c) const;
  bool matches_user_in_domain(std::string_view user, std::string_view domain) const;

  std::string name_;
  std::string path_or_command_;
  TableBackend backend_ = TableBackend::Memory;
  TableKind kind_ = TableKind::List;
  std::string text_;
  std::vector<Row> rows_;
  std::vector<Slot> slots_;               // open addressing
  std::vector<std::uint32_t> glob_rows_;  // rows with '*' elsewhere than in a leading "*."
  bool has_wildcard_ = false;             // some row has "*." at the start of its domain
  std::vector<PrefixGroup> prefix_groups_;
  std::vector<std::uint32_t> columns_;  // of the keys of an inline table
};

// A test that looks a value up in a table; absent when `table` is null.
struct TableTest {
  const Table* table = nullptr;
  bool negated = false;
  bool regex = false;  // the rows are patterns: Lookups::matches_regex decides
};

}  // namespace ringpost::conf
