// The keys in memory: see key_store.h.
#include "engine/process/key_store.h"

#include <cerrno>
#include <mutex>

namespace ringpost::process {

bool KeyStore::add(PrivateKey key, Instant now) {
  const std::lock_guard guard(lock_);
  const KeyName name = key.facts().name;
  if (keys_.size() >= keys_max && !keys_.contains(name)) return false;
  keys_.insert_or_assign(name, Held{std::move(key), now});
  return true;
}

std::expected<std::string, int> KeyStore::sign(const KeyName& name, std::uint16_t scheme,
                                               Bytes input) const {
  std::optional<PrivateKey> key;  // shared, so that it may be forgotten meanwhile
  {
    const std::shared_lock guard(lock_);
    if (const auto found = keys_.find(name); found != keys_.end()) key = found->second.key;
  }
  if (!key) return std::unexpected(ENOKEY);
  return key->sign(scheme, input);
}

void KeyStore::forget(Instant before, Instant now) {
  const std::lock_guard guard(lock_);
  for (auto& [name, held] : keys_)
    if (held.added < before && held.end == never) held.end = now + key_linger;
}

void KeyStore::expire(Instant now) {
  const std::lock_guard guard(lock_);
  std::erase_if(keys_, [now](const auto& entry) { return entry.second.end <= now; });
}

}  // namespace ringpost::process
