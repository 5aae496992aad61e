// ClientContext: what sessions with servers have in common: authorities, protocols, ciphers, and a
// certificate of our own. RFC 8446, RFC 5246, RFC 6066 3. Immutable and shared by all cores; it
// must outlive its channels.
#pragma once

#include <expected>
#include <memory>
#include <string>
#include <vector>

#include <openssl/base.h>

#include "engine/tls/certificate.h"
#include "engine/tls/session_store.h"
#include "engine/tls/trust_store.h"

namespace ringpost::tls {

struct ClientOptions {
  std::shared_ptr<const TrustStore> authorities = nullptr;   // none: no server is ever verified
  std::shared_ptr<const Certificate> certificate = nullptr;  // shown to servers that ask
  std::string ciphers = {}, protocols = {};                  // see settings.h
};

// One session: with whom, and what is demanded of it.
struct ClientAim {
  std::string server_name = {};         // for the server to choose by; none for an address
  std::vector<std::string> names = {};  // of which its certificate must have one; none: any will do
  bool must_verify = false;             // without a good certificate there is no session
  SessionStore* sessions = nullptr;     // outlives the channel
  std::string session_name = {};        // whose sessions may be resumed: server, port, demands
};

class ClientContext {
 public:
  // An error is a text for the operator.
  static std::expected<std::shared_ptr<const ClientContext>, std::string> make(
      ClientOptions options);
  ~ClientContext();
  ClientContext(const ClientContext&) = delete;
  ClientContext& operator=(const ClientContext&) = delete;

  const ClientOptions& options() const { return options_; }
  SSL_CTX* handle() const { return context_.get(); }

 private:
  explicit ClientContext(ClientOptions options);

  ClientOptions options_;
  bssl::UniquePtr<SSL_CTX> context_;
};

}  // namespace ringpost::tls
