// The words of `protocols` and `ciphers` in smtpd.conf as BoringSSL wants them. The words are those
// of tls_config_set_protocols(3) and tls_config_set_ciphers(3).
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

#include <openssl/base.h>

namespace ringpost::tls {

struct Versions {
  std::uint16_t min, max;  // of RFC 8446: 0x0303, 0x0304
};

// "secure", "tlsv1.2:tlsv1.3", "all,!tlsv1.2"; empty: the default, which is TLS 1.2 and 1.3. What
// cannot be is a text for the operator.
std::expected<Versions, std::string> parse_protocols(std::string_view words);

// What is known of a list of ciphers (for TLS 1.2; those of 1.3 are fixed), or why it is useless.
std::expected<void, std::string> set_ciphers(SSL_CTX* context, std::string_view words);

}  // namespace ringpost::tls
