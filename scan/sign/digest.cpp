// SHA-256 by BoringSSL: see digest.h. FIPS 180-4; its functions fail only for parameters that do
// not occur here.
#include "scan/sign/digest.h"

namespace ringpost::scan {

Sha256::Sha256() { SHA256_Init(&context_); }

void Sha256::update(Bytes octets) {
  if (!octets.empty()) SHA256_Update(&context_, octets.data(), octets.size());
}

Hash Sha256::finish() {
  Hash hash;
  SHA256_Final(reinterpret_cast<std::uint8_t*>(hash.data()), &context_);
  return hash;
}

Hash Sha256::of(std::string_view text) {
  Sha256 digest;
  digest.update(text);
  return digest.finish();
}

}  // namespace ringpost::scan
