// Block matching: the whole text is there at once. Every result of Hyperscan that a correct caller
// cannot see is CHECKed.
#include "scan/pattern/matcher.h"

#include <algorithm>
#include <limits>

#include <hs/hs.h>

#include "proto/base/check.h"

namespace ringpost::scan {
namespace {

extern "C" int keep_id(unsigned id, unsigned long long, unsigned long long, unsigned,
                       void* context) {
  static_cast<std::vector<std::uint32_t>*>(context)->push_back(id);
  return 0;
}

extern "C" int stop_at_first(unsigned, unsigned long long, unsigned long long, unsigned,
                             void* context) {
  *static_cast<bool*>(context) = true;
  return 1;
}

hs_scratch_t* scratch_for(const hs_database_t* database) {
  hs_scratch_t* scratch = nullptr;
  CHECK(hs_alloc_scratch(database, &scratch) == HS_SUCCESS);
  return scratch;
}

unsigned length_of(Bytes text) {
  CHECK(text.size() <= std::numeric_limits<unsigned>::max());
  return static_cast<unsigned>(text.size());
}

// Hyperscan takes no null pointer, not even for no octets.
const char* octets_of(Bytes text) { return text.empty() ? "" : text_of(text).data(); }

}  // namespace

Matcher::Matcher(const Database& database)
    : database_(&database), scratch_(scratch_for(database.handle_.get())) {
  found_.reserve(database.pattern_count());
}

std::span<const std::uint32_t> Matcher::match(Bytes text) {
  found_.clear();
  CHECK(hs_scan(database_->handle_.get(), octets_of(text), length_of(text), 0, scratch_.get(),
                keep_id, &found_) == HS_SUCCESS);
  std::ranges::sort(found_);
  const auto repeated = std::ranges::unique(found_);
  found_.erase(repeated.begin(), repeated.end());
  return found_;
}

bool Matcher::matches_any(Bytes text) {
  bool found = false;
  const auto result = hs_scan(database_->handle_.get(), octets_of(text), length_of(text), 0,
                              scratch_.get(), stop_at_first, &found);
  CHECK(result == (found ? HS_SCAN_TERMINATED : HS_SUCCESS));
  return found;
}

void Matcher::Free::operator()(hs_scratch* scratch) const noexcept {
  CHECK(hs_free_scratch(scratch) == HS_SUCCESS);
}

}  // namespace ringpost::scan
