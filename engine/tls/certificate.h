// Certificate: a chain as PEM files have it, and what is read from its leaf: key, names, times.
// RFC 5280; names as RFC 6125 6.4 compares them. What cannot be read is a text for the operator.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include <openssl/base.h>
#include <openssl/pool.h>

#include "engine/tls/signer.h"
#include "proto/base/clock.h"

namespace ringpost::tls {

enum class KeyKind : std::uint8_t { Rsa, EcdsaP256, EcdsaP384, EcdsaP521, Ed25519 };
std::string_view to_text(KeyKind kind);

// Immutable once it is shared.
struct Certificate {
  std::vector<bssl::UniquePtr<CRYPTO_BUFFER>> chain;  // the leaf comes first
  KeyName key{};
  KeyKind kind = KeyKind::Rsa;
  unsigned key_bits = 0;
  std::vector<std::string> names;  // dNSNames in lower case, or the common name where none is
  std::string subject;             // RFC 2253
  std::string fingerprint;         // SHA-256 of the leaf, hexadecimal
  WallTime not_before{}, not_after{};
  bool is_chain = true;  // each certificate was issued by the one behind it
};

// Everything between the first and the last certificate of `pem`; other blocks are passed over.
std::expected<Certificate, std::string> parse_certificate(std::string_view pem);

// Who a certificate in DER says it is; empty texts for one that cannot be read.
struct Identity {
  std::string subject;
  std::string fingerprint;
};
Identity identify(const CRYPTO_BUFFER& der);

// Whether one of the names of a certificate is that of `host`: in any case, "*" for one whole label
// on the left.
bool covers(const std::vector<std::string>& names, std::string_view host);

}  // namespace ringpost::tls
