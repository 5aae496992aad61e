// Berkeley DB files (versions 4 to 5.3: hash and btree, as makemap, postmap and db_load make them)
// read whole from their octets. Sans-IO: the engine needs no database library for them. A file that
// is damaged, of another kind or larger than it says is refused with a reason; work and memory are
// bounded by its size.
#pragma once

#include <expected>
#include <string>
#include <vector>

#include "proto/base/bytes.h"

namespace ringpost::table {

// One pair, as it stands in the file but for one NUL at the end of either, which makemap writes.
struct DatabaseRow {
  std::string key;
  std::string value;
};

// In the order of the file's pages, which means nothing. The error is for the operator.
std::expected<std::vector<DatabaseRow>, std::string> read_berkeley_db(Bytes file);

}  // namespace ringpost::table
