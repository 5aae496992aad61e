// TrustStore: the authorities whose certificates are believed, and the judgement of a peer's chain.
// RFC 5280. Immutable and shared by all threads.
#pragma once

#include <expected>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <openssl/base.h>
#include <openssl/pool.h>

#include "engine/tls/signer.h"

namespace ringpost::tls {

class TrustStore {
 public:
  // From the text of a PEM file; one without certificates is an error.
  static std::expected<std::shared_ptr<const TrustStore>, std::string> parse(std::string_view pem);
  ~TrustStore();
  TrustStore(const TrustStore&) = delete;
  TrustStore& operator=(const TrustStore&) = delete;

  enum class Role : std::uint8_t { Client, Server };
  // Judges a chain, leaf first, as that of a `role` that may have one of `names` (any, when there
  // are none): nothing, or why not.
  std::optional<std::string> problem_with(const STACK_OF(CRYPTO_BUFFER) * chain, Role role,
                                          std::span<const std::string> names) const;
  // A digest of the authorities.
  const KeyName& identity() const { return identity_; }
  std::size_t size() const { return size_; }

 private:
  TrustStore();

  bssl::UniquePtr<X509_STORE> store_;
  KeyName identity_{};
  std::size_t size_ = 0;
};

}  // namespace ringpost::tls
