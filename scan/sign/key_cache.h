// KeyCache: the keys of key records, read once: whose mail is checked, whose is checked again soon.
// RFC 6376 3.6.1 and 6.1.2. Bounded in records. Owner: one thread.
#pragma once

#include <algorithm>
#include <cstddef>
#include <expected>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proto/auth/dkim_key.h"
#include "scan/sign/public_key.h"

namespace ringpost::scan {

// What a key record holds; the errors are static text.
struct ReadKey {
  std::expected<auth::DkimKey, std::string_view> key;
  std::expected<PublicKey, std::string_view> usable;  // of a key that could be read
};

class KeyCache {
 public:
  // Of these the ones that were used last are kept, and up to as many again.
  static constexpr std::size_t records_default = 256;

  explicit KeyCache(std::size_t records_max = records_default)
      : records_max_(std::max(records_max, auth::key_records_max)) {}

  // What a signature's keys are, or why there is none. Nothing: waits for the DNS. Of several
  // records those that cannot be read, or are for another algorithm, are left out; at least one is
  // given, for as long as no more are asked for.
  using Keys = std::expected<std::vector<const ReadKey*>, auth::KeyProblem>;
  std::optional<Keys> find_keys(const auth::DkimSignature& signature, auth::DnsMemo& dns);

  std::size_t records() const { return recent_.size() + former_.size(); }

 private:
  using Records = std::map<std::string, std::unique_ptr<const ReadKey>, std::less<>>;

  const ReadKey& read(const std::string& record);

  std::size_t records_max_;
  Records recent_;
  Records former_;  // that were recent when there were too many of them
};

}  // namespace ringpost::scan
