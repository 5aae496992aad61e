// ClientContext: see client_context.h.
#include "engine/tls/client_context.h"

#include <openssl/ssl.h>

#include "engine/tls/hooks.h"
#include "engine/tls/problem.h"
#include "engine/tls/settings.h"
#include "proto/base/check.h"

namespace ringpost::tls {

ClientContext::ClientContext(ClientOptions options)
    : options_(std::move(options)), context_(SSL_CTX_new(TLS_method())) {
  CHECK(context_ != nullptr);
}

ClientContext::~ClientContext() = default;

std::expected<std::shared_ptr<const ClientContext>, std::string> ClientContext::make(
    ClientOptions options) {
  const std::shared_ptr<ClientContext> made(new ClientContext(std::move(options)));
  SSL_CTX* context = made->handle();
  const auto versions = parse_protocols(made->options_.protocols);
  if (!versions) return std::unexpected(versions.error());
  if (auto set = set_ciphers(context, made->options_.ciphers); !set)
    return std::unexpected(set.error());
  if (SSL_CTX_set_min_proto_version(context, versions->min) != 1 ||
      SSL_CTX_set_max_proto_version(context, versions->max) != 1)
    return std::unexpected(last_problem());
  // The callback for new sessions is called only with this; nothing is stored here.
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_STORE);
  attach_client_hooks(context);
  return made;
}

}  // namespace ringpost::tls
