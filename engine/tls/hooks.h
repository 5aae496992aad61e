// What a context must know of channels before the first one uses it; for the files of this folder.
#pragma once

#include <openssl/base.h>

namespace ringpost::tls {

// Once, while only its maker knows the context.
void attach_server_hooks(SSL_CTX* context);
void attach_client_hooks(SSL_CTX* context);

}  // namespace ringpost::tls
