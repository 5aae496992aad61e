// SuffixList: where registries end and registrants begin, as DMARC asks (RFC 7489 3.2). The list
// itself lives outside proto.
#pragma once

#include <string>
#include <string_view>

namespace ringpost::auth {

class SuffixList {
 public:
  // The part of `domain` (lower case, without a dot at its end) that somebody registered:
  // "example.co.uk" of "a.b.example.co.uk"; empty when the domain is a public suffix itself.
  virtual std::string registrable(std::string_view domain) const = 0;

 protected:
  ~SuffixList() = default;
};

}  // namespace ringpost::auth
