// The values of alias and virtual tables, aliases(5): a comma list of users, addresses and errors.
// Views into the value; nothing is copied. Forms that deliver to files and commands, or include
// lists, are recognised and refused when the configuration is made.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proto/conf/table.h"

namespace ringpost::conf {

enum class AliasKind : std::uint8_t { User, Address, Error };

struct AliasTarget {
  AliasKind kind = AliasKind::User;
  std::string_view user = {};    // User, Address
  std::string_view domain = {};  // Address
  unsigned code = 0;             // Error: 400 to 599
  std::string_view text = {};    // Error: what the client is told
};

// Walks one value. The value outlives the walk.
class AliasTargets {
 public:
  explicit AliasTargets(std::string_view value) : rest_(value) {}
  // The next target, an explanation of what is wrong with it, or nothing at the end.
  std::optional<std::expected<AliasTarget, std::string>> next();

 private:
  std::string_view rest_;
};

// What is wrong with the rows of a table that shall serve `alias` or `virtual`.
std::vector<TableError> check_alias_rows(const Table& table);

}  // namespace ringpost::conf
