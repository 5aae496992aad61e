// aliases(5) and forward(5): a comma list of users, addresses, files, commands, included lists and
// errors; in files one such list a line. A backslash takes the meaning from the octet behind it,
// quotes keep commas together. What is wrong with an item is explained, and the walk goes on.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proto/conf/table.h"

namespace ringpost::conf {

enum class AliasKind : std::uint8_t { User, Address, Error, Command, File, Include };

inline constexpr std::size_t alias_item_octets_max = 1024;

struct AliasTarget {
  AliasKind kind = AliasKind::User;
  std::string_view user = {};    // User, Address
  std::string_view domain = {};  // Address
  unsigned code = 0;             // Error: 400 to 599
  std::string_view text = {};  // Error: the reply; Command: for the shell; File, Include: the path
};

// Walks one value. The value outlives the walk; what a target refers to stays until the next one.
class AliasTargets {
 public:
  explicit AliasTargets(std::string_view value) : rest_(value) {}
  // The next target, an explanation of what is wrong with it, or nothing at the end.
  std::optional<std::expected<AliasTarget, std::string>> next();

 private:
  std::expected<std::string_view, std::string> take_item();

  std::string_view rest_;
  std::string unescaped_;
};

// Walks the text of a file of such lists, without its comments and with its lines continued.
class AliasFile {
 public:
  explicit AliasFile(std::string_view text) : rest_(text) {}
  std::optional<std::expected<AliasTarget, std::string>> next();
  // The line, from 1, in which the last target's list begins.
  unsigned line() const { return line_; }

 private:
  bool take_line();

  std::string_view rest_;
  std::string text_;  // of the line
  AliasTargets targets_{std::string_view()};
  unsigned line_ = 0;
  unsigned next_line_ = 1;
};

// What is wrong with the rows of a table that shall serve `alias` or `virtual`.
std::vector<TableError> check_alias_rows(const Table& table);

}  // namespace ringpost::conf
