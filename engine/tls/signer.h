// Signer: how a TLS handshake gets a signature by a private key that this process does not have.
// The key is named by a digest of its public half; who holds it hashes and signs. One per core.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <vector>

#include "proto/base/bytes.h"
#include "proto/base/fault.h"

namespace ringpost::tls {

// SHA-256 of the key's SubjectPublicKeyInfo in DER.
using KeyName = std::array<std::byte, 32>;

// A signature that somebody waits for.
class SignJob {
 public:
  // From the loop, never from inside sign(); once for each sign() that was not forgotten.
  virtual void signature_ready(std::expected<std::vector<std::byte>, Fault> signature) = 0;

 protected:
  ~SignJob() = default;
};

class Signer {
 public:
  // Signs `input`, not yet hashed, by a SignatureScheme of RFC 8446 4.2.3 (or one that a key holder
  // knows besides); with ECDSA the scheme says only the hash, the curve is the key's. `input` need
  // not outlive the call. A job that is not answered in time ends with ETIMEDOUT.
  virtual void sign(SignJob& job, const KeyName& key, std::uint16_t scheme, Bytes input) = 0;
  // `job` wants to hear nothing any more; nothing when it does not wait.
  virtual void forget(SignJob& job) = 0;

 protected:
  ~Signer() = default;
};

}  // namespace ringpost::tls
