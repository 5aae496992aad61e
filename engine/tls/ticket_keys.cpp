// TicketKeys: see ticket_keys.h.
#include "engine/tls/ticket_keys.h"

#include <algorithm>
#include <cstring>

#include <openssl/mem.h>
#include <openssl/rand.h>

namespace ringpost::tls {

// Three keys from the start: what nobody knows opens nothing.
TicketKeys::TicketKeys() {
  for (std::size_t i = 0; i < keys_.size(); ++i) rotate();
}

TicketKeys::~TicketKeys() { OPENSSL_cleanse(keys_.data(), sizeof keys_); }

void TicketKeys::rotate() {
  Key fresh;
  // RAND_bytes of BoringSSL ends the program when there is no randomness.
  RAND_bytes(fresh.name.data(), fresh.name.size());
  RAND_bytes(fresh.cipher.data(), fresh.cipher.size());
  RAND_bytes(fresh.mac.data(), fresh.mac.size());
  {
    const std::lock_guard guard(lock_);
    std::ranges::rotate(keys_, keys_.end() - 1);
    keys_.front() = fresh;
  }
  OPENSSL_cleanse(&fresh, sizeof fresh);
}

TicketKeys::Key TicketKeys::current() const {
  const std::lock_guard guard(lock_);
  return keys_.front();
}

bool TicketKeys::find(const std::uint8_t name[16], Key& key, bool& old) const {
  const std::lock_guard guard(lock_);
  for (const Key& one : keys_) {
    if (std::memcmp(one.name.data(), name, one.name.size()) != 0) continue;
    key = one;
    old = &one != keys_.data();
    return true;
  }
  return false;
}

}  // namespace ringpost::tls
