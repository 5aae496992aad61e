// Matcher: one core's working memory for a Database. Answers which patterns a text matches, each id
// once, in ascending order. Allocates when it is made and not when it matches.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "proto/base/bytes.h"
#include "scan/pattern/database.h"

struct hs_scratch;

namespace ringpost::scan {

class Matcher {
 public:
  // `database` outlives the matcher. One matcher belongs to one thread.
  explicit Matcher(const Database& database);

  // The ids of all patterns that match somewhere in the text (at most 4 GiB); valid until the next
  // call. The text may hold any octets.
  std::span<const std::uint32_t> match(Bytes text);

  // Whether any pattern matches; stops at the first.
  bool matches_any(Bytes text);

 private:
  struct Free {
    void operator()(hs_scratch* scratch) const noexcept;
  };

  const Database* database_;
  std::unique_ptr<hs_scratch, Free> scratch_;
  std::vector<std::uint32_t> found_;
};

}  // namespace ringpost::scan
