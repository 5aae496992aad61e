// A private key as everybody but the key process knows it: by a name and what it can do.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace ringpost::process {

// SHA-256 of the SubjectPublicKeyInfo (DER): the same for the key and for a certificate of it.
using KeyName = std::array<std::byte, 32>;

enum class KeyKind : std::uint8_t { Rsa, Ecdsa, Ed25519 };

struct LoadedKey {
  KeyName name{};
  KeyKind kind = KeyKind::Rsa;
  bool operator==(const LoadedKey&) const = default;
};

}  // namespace ringpost::process
