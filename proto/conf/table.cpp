// Table lookups: one hash index over the rows, which are views into the table's own text.
// Nothing here fails: what could be wrong with a table was found when it was made.
#include "proto/conf/table.h"

#include <algorithm>
#include <array>
#include <bit>
#include <utility>

#include "proto/base/ascii.h"
#include "proto/base/check.h"

namespace ringpost::conf {
namespace {

// FNV-1a over the lower-case octets. The keys are the operator's, so nobody can aim at collisions;
// the final mix spreads the low bits, which choose the slot.
struct KeyHash {
  std::uint64_t value = 0xcbf29ce484222325ULL;
  void add(std::string_view part) {
    for (const char c : part) {
      value ^= static_cast<unsigned char>(ascii::to_lower(c));
      value *= 0x100000001b3ULL;
    }
  }
  std::uint64_t mixed() const { return (value ^ value >> 32) * 0x9e3779b97f4a7c15ULL; }
  std::size_t slot(std::size_t slots) const {
    return static_cast<std::size_t>(mixed() >> 20) & (slots - 1);
  }
  // As independent of the slot as 20 bits can be.
  std::uint32_t check() const {
    return static_cast<std::uint32_t>(mixed()) ^ static_cast<std::uint32_t>(value);
  }
};

// True when `key` is a, b and c in a row, without case.
bool equals_parts(std::string_view key, std::string_view a, std::string_view b,
                  std::string_view c) {
  return key.size() == a.size() + b.size() + c.size() &&
         ascii::equal_ignoring_case(key.substr(0, a.size()), a) &&
         ascii::equal_ignoring_case(key.substr(a.size(), b.size()), b) &&
         ascii::equal_ignoring_case(key.substr(a.size() + b.size()), c);
}

// A glob in which '*' stands for any octets. Takes back only the last star: at most n*m steps.
bool matches_glob(std::string_view text, std::string_view pattern) {
  std::size_t t = 0, p = 0, star = std::string_view::npos, resume = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = t;
    } else if (p < pattern.size() && ascii::to_lower(pattern[p]) == ascii::to_lower(text[t])) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  return pattern.substr(p).find_first_not_of('*') == std::string_view::npos;
}

// The domain part of a key as matches_domain and matches_mail_address see it.
std::string_view domain_part(std::string_view key) {
  const std::size_t at = key.rfind('@');
  return at == std::string_view::npos ? key : key.substr(at + 1);
}

}  // namespace

Table::Table(std::string name, TableKind kind, std::span<const TableRow> rows)
    : name_(std::move(name)), kind_(kind) {
  rows_.reserve(rows.size());
  const auto keep = [this](std::string_view part) {
    const std::size_t offset = text_.size();
    text_ += part;
    return static_cast<std::uint32_t>(offset);
  };
  for (const TableRow& row : rows) {
    rows_.push_back({.key_offset = keep(row.key),
                     .key_size = static_cast<std::uint32_t>(row.key.size()),
                     .value_offset = keep(row.value),
                     .value_size = static_cast<std::uint32_t>(row.value.size()),
                     .line = row.line});
    if (row.column > 0) columns_.push_back(row.column);
  }
  build_index();
}

Table Table::external(std::string name, TableBackend backend, std::string path_or_command) {
  Table table(std::move(name), std::string());
  table.backend_ = backend;
  table.path_or_command_ = std::move(path_or_command);
  table.build_index();
  return table;
}

TableRow Table::row(std::size_t index) const {
  const Row& row = rows_[index];
  return {key_of(row), view(row.value_offset, row.value_size), row.line};
}

// Of rows with one key the last counts, as in OpenSMTPD.
void Table::build_index() {
  slots_.assign(std::bit_ceil(rows_.size() * 2 + 1), Slot{});
  for (std::uint32_t i = 0; i < rows_.size(); ++i) {
    const std::string_view key = key_of(rows_[i]);
    KeyHash hash;
    hash.add(key);
    std::size_t slot = hash.slot(slots_.size());
    while (slots_[slot].row != none &&
           (slots_[slot].hash != hash.check() ||
            !ascii::equal_ignoring_case(key_of(rows_[slots_[slot].row]), key))) {
      slot = (slot + 1) & (slots_.size() - 1);
    }
    slots_[slot] = {i, hash.check(), rows_[i].key_offset};
    const std::string_view domain = domain_part(key);
    const bool leading = domain.starts_with("*.");
    has_wildcard_ = has_wildcard_ || leading;
    if (domain.substr(leading ? 1 : 0).contains('*')) glob_rows_.push_back(i);
  }
}

std::uint32_t Table::find_row(std::string_view a, std::string_view b, std::string_view c) const {
  KeyHash hash;
  hash.add(a);
  hash.add(b);
  hash.add(c);
  const std::uint32_t check = hash.check();
  std::size_t at = hash.slot(slots_.size());
  while (slots_[at].row != none) {
    const Slot& slot = slots_[at];
    if (slot.hash == check) {
      __builtin_prefetch(text_.data() + slot.key_offset);
      if (equals_parts(key_of(rows_[slot.row]), a, b, c)) return slot.row;
    }
    at = (at + 1) & (slots_.size() - 1);
  }
  return none;
}

std::optional<std::string_view> Table::find(std::string_view a, std::string_view b,
                                            std::string_view c) const {
  const std::uint32_t found = find_row(a, b, c);
  if (found == none) return std::nullopt;
  return view(rows_[found].value_offset, rows_[found].value_size);
}

// Keys of the form user, '@' (when there is a user part in the key), domain, with wildcards.
bool Table::matches_user_in_domain(std::string_view user, std::string_view domain) const {
  if (find_row(user, "@", domain) != none) return true;
  for (std::size_t dot = domain.find('.'); has_wildcard_ && dot != std::string_view::npos;
       dot = domain.find('.', dot + 1)) {
    if (dot > 0 && find_row(user, "@*", domain.substr(dot)) != none) return true;
  }
  return std::ranges::any_of(glob_rows_, [&](std::uint32_t i) {
    const std::string_view key = key_of(rows_[i]);
    const std::size_t at = key.rfind('@');
    return at != std::string_view::npos && ascii::equal_ignoring_case(key.substr(0, at), user) &&
           matches_glob(domain, key.substr(at + 1));
  });
}

bool Table::matches_domain(std::string_view domain) const {
  if (find_row(domain) != none) return true;
  for (std::size_t dot = domain.find('.'); has_wildcard_ && dot != std::string_view::npos;
       dot = domain.find('.', dot + 1)) {
    if (dot > 0 && find_row("*", domain.substr(dot), {}) != none) return true;
  }
  return std::ranges::any_of(
      glob_rows_, [&](std::uint32_t i) { return matches_glob(domain, key_of(rows_[i])); });
}

bool Table::matches_mail_address(std::string_view user, std::string_view domain,
                                 char delimiter) const {
  const std::string_view bare = user.substr(0, user.find(delimiter));
  if (find_row("@") != none || matches_user_in_domain({}, domain)) return true;
  if (user.empty()) return false;  // the null reverse-path has no user to be listed
  const auto is_listed = [&](std::string_view name) {
    // A quoted local part may hold an '@': it is not the address that a row says.
    const bool is_user = !name.contains('@') && find_row(name) != none;
    return is_user || matches_user_in_domain(name, domain);
  };
  return is_listed(user) || (bare.size() != user.size() && !bare.empty() && is_listed(bare));
}

std::vector<TableError> Table::index_addresses() {
  std::vector<TableError> errors;
  prefix_groups_.clear();
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    const std::string_view key = key_of(rows_[i]);
    const auto prefix = parse_net_prefix(key);
    if (!prefix) {
      if (!ascii::equal_ignoring_case(key, "local")) {
        errors.push_back(error_at(i, "neither an address nor a prefix: it never matches"));
      }
      continue;
    }
    auto group = std::ranges::find_if(prefix_groups_, [&prefix](const PrefixGroup& g) {
      return g.family == prefix->address.family && g.length == prefix->length;
    });
    if (group == prefix_groups_.end()) {
      prefix_groups_.push_back({prefix->address.family, prefix->length, {}});
      group = prefix_groups_.end() - 1;
    }
    group->addresses.push_back(prefix->address);
  }
  for (PrefixGroup& group : prefix_groups_) std::ranges::sort(group.addresses);
  return errors;
}

bool Table::matches_address(const NetAddress& address) const {
  return std::ranges::any_of(prefix_groups_, [&address](const PrefixGroup& group) {
    return group.family == address.family &&
           std::ranges::binary_search(group.addresses, masked(address, group.length));
  });
}

}  // namespace ringpost::conf
