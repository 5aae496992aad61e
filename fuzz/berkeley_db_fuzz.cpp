// Any octets are a list of pairs or an error with a text; pairs are never more than the file holds.
#include "proto/base/check.h"
#include "proto/table/berkeley_db.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* octets, std::size_t size) {
  using namespace ringpost;
  const auto rows = table::read_berkeley_db(std::as_bytes(std::span(octets, size)));
  if (!rows) {
    CHECK(!rows.error().empty());
    return 0;
  }
  std::size_t total = 0;
  for (const table::DatabaseRow& row : *rows) total += row.key.size() + row.value.size();
  CHECK(total <= size);
  return 0;
}
