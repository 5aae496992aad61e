// Rows of DMARC's aggregate reports in a file: see README.md of this folder. A record that is torn
// or wrong ends the file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "proto/auth/dmarc_row.h"
#include "proto/base/bytes.h"

namespace ringpost::store {

// Of a record with its head.
inline constexpr std::size_t row_octets_max = 16 * 1024;

// Texts that are too long are cut, lists as well.
void append_row(std::string& file, const auth::DmarcRow& row);

// Over octets that outlive it.
class RowReader {
 public:
  explicit RowReader(Bytes octets) : left_(octets) {}

  // Nothing: no whole record is left.
  std::optional<auth::DmarcRow> next();
  // That were not read: of a piece of a file what belongs before its next piece.
  std::size_t rest() const { return left_.size(); }

 private:
  Bytes left_;
};

}  // namespace ringpost::store
