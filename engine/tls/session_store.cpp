// SessionStore: see session_store.h.
#include "engine/tls/session_store.h"

#include <openssl/ssl.h>

#include "proto/base/check.h"

namespace ringpost::tls {

SessionStore::SessionStore(std::size_t sessions_max) : sessions_max_(sessions_max) {
  CHECK(sessions_max > 0);
}

SessionStore::~SessionStore() = default;

void SessionStore::put(const std::string& name, bssl::UniquePtr<SSL_SESSION> session) {
  if (const auto known = by_name_.find(name); known != by_name_.end()) {
    known->second->session = std::move(session);
    entries_.splice(entries_.begin(), entries_, known->second);
    return;
  }
  entries_.push_front({.name = name, .session = std::move(session)});
  by_name_.emplace(entries_.front().name, entries_.begin());
  if (entries_.size() <= sessions_max_) return;
  by_name_.erase(entries_.back().name);
  entries_.pop_back();
}

bssl::UniquePtr<SSL_SESSION> SessionStore::find(const std::string& name) {
  const auto known = by_name_.find(name);
  if (known == by_name_.end()) return nullptr;
  const auto entry = known->second;
  entries_.splice(entries_.begin(), entries_, entry);
  return bssl::UpRef(entry->session);
}

}  // namespace ringpost::tls
