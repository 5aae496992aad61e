// ServerContext: what all sessions of a listener have in common: certificates, which of them a
// client is shown, protocols and ciphers, tickets, and what is asked of a client's certificate.
// RFC 8446, RFC 5246, RFC 6066 3, RFC 7301, RFC 9325. Immutable and shared by all cores; it must
// outlive its channels.
#pragma once

#include <expected>
#include <memory>
#include <string>
#include <vector>

#include <openssl/base.h>

#include "engine/tls/certificate.h"
#include "engine/tls/ticket_keys.h"
#include "engine/tls/trust_store.h"

namespace ringpost::tls {

enum class ClientCertificates : std::uint8_t {
  None,
  Asked,     // one that is not good is as none
  Required,  // without a good one there is no session
};

struct ServerOptions {
  // At least one; the first one is shown to clients that name nobody, or nobody we know. One of
  // another kind of key for the same name is chosen by what the client can verify.
  std::vector<std::shared_ptr<const Certificate>> certificates;
  ClientCertificates client_certificates = ClientCertificates::None;
  std::shared_ptr<const TrustStore> client_authorities = nullptr;  // unless None
  std::string ciphers = {}, protocols = {};                        // see settings.h
  std::shared_ptr<const TicketKeys> tickets = nullptr;
};

class ServerContext {
 public:
  // An error is a text for the operator.
  static std::expected<std::shared_ptr<const ServerContext>, std::string> make(
      ServerOptions options);
  ~ServerContext();
  ServerContext(const ServerContext&) = delete;
  ServerContext& operator=(const ServerContext&) = delete;

  const ServerOptions& options() const { return options_; }
  SSL_CTX* handle() const { return context_.get(); }
  // The certificate for a client's first message.
  const Certificate& choose(const SSL_CLIENT_HELLO& hello) const;

 private:
  explicit ServerContext(ServerOptions options);
  std::expected<void, std::string> set_up();
  void bind_sessions();

  ServerOptions options_;
  bssl::UniquePtr<SSL_CTX> context_;
};

}  // namespace ringpost::tls
