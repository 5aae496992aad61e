// A private key as everybody but the key process knows it: by a name and what it can do.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace ringpost::process {

// SHA-256 of the SubjectPublicKeyInfo (DER): the same for the key and for a certificate of it.
using KeyName = std::array<std::byte, 32>;

enum class KeyKind : std::uint8_t { Rsa, Ecdsa, Ed25519 };

// Beside the SignatureSchemes of TLS, from its range for private use: RSASSA-PKCS1-v1_5 of a
// SHA-256 digest, which is the input. Ed25519 needs no other: DKIM has it sign the digest (RFC 8463
// 3).
inline constexpr std::uint16_t rsa_sha256_digest_scheme = 0xfe01;
inline constexpr std::uint16_t ed25519_scheme = 0x0807;

struct LoadedKey {
  KeyName name{};
  KeyKind kind = KeyKind::Rsa;
  std::uint16_t bits = 0;  // of an RSA key's modulus; else 0
  bool operator==(const LoadedKey&) const = default;
};

}  // namespace ringpost::process
