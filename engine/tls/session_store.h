// SessionStore: sessions that servers let us resume, by a name that their users choose; bounded,
// the one unused for longest goes first. Owner: one core.
#pragma once

#include <list>
#include <string>
#include <string_view>
#include <unordered_map>

#include <openssl/base.h>

namespace ringpost::tls {

class SessionStore {
 public:
  explicit SessionStore(std::size_t sessions_max);
  ~SessionStore();
  SessionStore(const SessionStore&) = delete;
  SessionStore& operator=(const SessionStore&) = delete;

  // The latest one of a name counts.
  void put(const std::string& name, bssl::UniquePtr<SSL_SESSION> session);
  // One to be offered, or nothing. It may be offered again: that somebody who listens can tell two
  // connections of one mail server to be its own gives nothing away (RFC 8446 C.4), and servers
  // such as Postfix issue no other one when a session is resumed.
  bssl::UniquePtr<SSL_SESSION> find(const std::string& name);

 private:
  struct Entry {
    std::string name;
    bssl::UniquePtr<SSL_SESSION> session;
  };

  std::size_t sessions_max_;
  std::list<Entry> entries_;  // the one used last comes first
  std::unordered_map<std::string_view, std::list<Entry>::iterator> by_name_;
};

}  // namespace ringpost::tls
