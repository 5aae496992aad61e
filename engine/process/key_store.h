// KeyStore: the keys that the key process holds, by name. Thread-safe. A key that is no longer
// wanted stays for a while: sessions that began with it may still have their handshake to come.
#pragma once

#include <map>
#include <optional>
#include <shared_mutex>

#include "engine/process/key_file.h"
#include "proto/base/clock.h"

namespace ringpost::process {

inline constexpr Duration key_linger = seconds(7500);  // sessions last two hours at most
inline constexpr std::size_t keys_max = 100'000;

class KeyStore {
 public:
  // False: there are keys_max of them.
  bool add(PrivateKey key, Instant now);
  // ENOKEY, or what PrivateKey::sign says.
  std::expected<std::string, int> sign(const KeyName& name, std::uint16_t scheme,
                                       Bytes input) const;
  // What was added last before `before` goes key_linger after `now`.
  void forget(Instant before, Instant now);
  // Lets go of what is due.
  void expire(Instant now);

 private:
  struct Held {
    PrivateKey key;
    Instant added;
    Instant end = never;
  };
  mutable std::shared_mutex lock_;
  std::map<KeyName, Held> keys_;
};

}  // namespace ringpost::process
