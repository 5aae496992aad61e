// TrustStore: see trust_store.h.
#include "engine/tls/trust_store.h"

#include <optional>

#include <openssl/mem.h>
#include <openssl/sha.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "engine/tls/problem.h"
#include "proto/base/check.h"

namespace ringpost::tls {
namespace {

bool take_chain(const STACK_OF(CRYPTO_BUFFER) * chain, bssl::UniquePtr<X509>& leaf,
                STACK_OF(X509) * others) {
  for (std::size_t i = 0; i < sk_CRYPTO_BUFFER_num(chain); ++i) {
    bssl::UniquePtr<X509> one(X509_parse_from_buffer(sk_CRYPTO_BUFFER_value(chain, i)));
    if (!one) return false;
    if (i == 0) {
      leaf = std::move(one);
    } else if (!bssl::PushToStack(others, std::move(one))) {
      return false;
    }
  }
  return leaf != nullptr;
}

}  // namespace

TrustStore::TrustStore() : store_(X509_STORE_new()) { CHECK(store_ != nullptr); }
TrustStore::~TrustStore() = default;

std::expected<std::shared_ptr<const TrustStore>, std::string> TrustStore::parse(
    std::string_view pem) {
  const auto found = parse_certificates(pem);
  if (!found) return std::unexpected(found.error());
  if (found->empty()) return std::unexpected("no certificate in it");
  const std::shared_ptr<TrustStore> trust(new TrustStore);
  SHA256_CTX digest;
  SHA256_Init(&digest);
  for (const auto& one : *found) {
    if (X509_STORE_add_cert(trust->store_.get(), one.get()) != 1)
      return std::unexpected(last_problem());
    KeyName part{};
    unsigned octets = 0;
    if (X509_digest(one.get(), EVP_sha256(), octets_of(MutableBytes(part)), &octets) != 1)
      return std::unexpected(last_problem());
    SHA256_Update(&digest, part.data(), part.size());
  }
  SHA256_Final(octets_of(MutableBytes(trust->identity_)), &digest);
  trust->size_ = found->size();
  return trust;
}

std::optional<std::string> TrustStore::problem_with(const STACK_OF(CRYPTO_BUFFER) * chain,
                                                    Role role,
                                                    std::span<const std::string> names) const {
  bssl::UniquePtr<X509> leaf;
  const bssl::UniquePtr<STACK_OF(X509)> others(sk_X509_new_null());
  if (chain == nullptr || !others || !take_chain(chain, leaf, others.get())) {
    ERR_clear_error();
    return "its certificate cannot be read";
  }
  const bssl::UniquePtr<X509_STORE_CTX> context(X509_STORE_CTX_new());
  CHECK(context != nullptr);
  if (X509_STORE_CTX_init(context.get(), store_.get(), leaf.get(), others.get()) != 1 ||
      X509_STORE_CTX_set_default(context.get(),
                                 role == Role::Client ? "ssl_client" : "ssl_server") != 1)
    return last_problem();
  X509_VERIFY_PARAM* parameters = X509_STORE_CTX_get0_param(context.get());
  // An intermediate or the very certificate of the peer may be what the operator trusts.
  X509_VERIFY_PARAM_set_flags(parameters, X509_V_FLAG_TRUSTED_FIRST | X509_V_FLAG_PARTIAL_CHAIN);
  for (const std::string& name : names)
    if (X509_VERIFY_PARAM_add1_host(parameters, name.data(), name.size()) != 1)
      return last_problem();
  X509_VERIFY_PARAM_set_hostflags(parameters, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  const int good = X509_verify_cert(context.get());
  const auto error = X509_STORE_CTX_get_error(context.get());
  ERR_clear_error();
  if (good == 1) return std::nullopt;
  return X509_verify_cert_error_string(error);
}

}  // namespace ringpost::tls
