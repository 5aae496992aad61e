// PublicSuffixes: the public suffix list of this machine through libpsl: Debian's publicsuffix, or
// what is built into the library when that is newer or the file is missing. Loading does not fail:
// without any list every domain is its own.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "proto/auth/suffix_list.h"

struct psl_ctx_st;

namespace ringpost::mta {

// Never changes after it was loaded: any number of threads may ask.
class PublicSuffixes final : public auth::SuffixList {
 public:
  // Reads files: not on a core.
  PublicSuffixes();

  // In the form that was given, UTF-8 or ASCII ("xn--…"), lower case; a dot at the end does not
  // count. Empty also for what is no domain.
  std::string registrable(std::string_view domain) const override;

 private:
  struct Free {
    void operator()(psl_ctx_st* list) const;
  };
  std::unique_ptr<psl_ctx_st, Free> loaded_;
  const psl_ctx_st* list_;  // loaded_, or the built-in one; null: none
};

}  // namespace ringpost::mta
