// Table files and alias values: any text is a table or a list of errors with their lines; every
// lookup of a row finds it, and what check_alias_rows and check_user_rows let pass can be walked
// without an error.
#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "proto/base/bytes.h"
#include "proto/base/check.h"
#include "proto/conf/alias.h"
#include "proto/conf/format_specifier.h"
#include "proto/conf/table.h"

namespace {

using namespace ringpost;

constexpr std::size_t rows_max = 200;  // enough to find anything, few enough to stay quick

bool is_alias_row_fine(std::string_view value) {
  conf::AliasTargets targets(value);
  bool has_target = false;
  while (const auto target = targets.next()) {
    if (!*target) return false;
    has_target = true;
  }
  return has_target;
}

void check_table(conf::Table& table) {
  table.index_addresses();
  const bool aliases_fine = conf::check_alias_rows(table).empty();
  const bool users_fine = table.check_user_rows().empty();
  for (std::size_t i = 0; i < std::min(table.size(), rows_max); ++i) {
    const conf::TableRow row = table.row(i);
    CHECK(table.contains(row.key));
    CHECK(table.find(row.key).has_value());
    CHECK(row.line > 0);
    CHECK(!row.key.contains('\n') && !row.value.contains('\n'));
    CHECK(!aliases_fine || is_alias_row_fine(row.value));
    CHECK(!users_fine || table.find_user(row.key).has_value());
    table.matches_domain(row.key);
    table.matches_mail_address(row.key, row.value, '+');
    const auto prefix = conf::parse_net_prefix(row.key);
    if (prefix) CHECK(table.matches_address(prefix->address));
    if (prefix) CHECK(conf::parse_net_address(to_text(prefix->address)) == prefix->address);
  }
}

// A path made of any octets never leaves the folder its text names.
void check_format(std::string_view text) {
  const auto format = conf::FormatString::parse("/v/%{dest.user}/%{sender:raw}/%{rcpt[0:3]:strip}");
  CHECK(format.has_value());
  const conf::AddressView address{text, text};
  const auto path = format->expand({.sender = address,
                                    .recipient = address,
                                    .destination = address,
                                    .username = text,
                                    .directory = "/home"});
  if (path) CHECK(std::ranges::count(*path, '/') == 4 && !path->contains("/../"));
  const auto any = conf::FormatString::parse(text);
  if (any)
    any->expand({.sender = address,
                 .recipient = {},
                 .destination = {},
                 .username = "u",
                 .directory = "/home"});
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* octets, std::size_t size) {
  const std::string_view text = text_of(std::as_bytes(std::span(octets, size)));
  auto table = conf::Table::from_file_text("t", std::string(text));
  if (table) {
    check_table(*table);
  } else {
    CHECK(!table.error().empty());
    for (const conf::TableError& error : table.error()) {
      CHECK(error.line > 0 && error.column > 0 && !error.text.empty());
    }
  }
  check_format(text.substr(0, 300));
  return 0;
}
