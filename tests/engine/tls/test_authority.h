// Keys, certificates and a signer for tests: an authority whose private keys lie in this process,
// which the product never has.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <openssl/bio.h>
#include <openssl/ec_key.h>
#include <openssl/evp.h>
#include <openssl/mem.h>
#include <openssl/nid.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "engine/tls/certificate.h"
#include "engine/tls/problem.h"
#include "engine/tls/signer.h"

namespace ringpost::tls::testing {

using Key = bssl::UniquePtr<EVP_PKEY>;

inline Key make_ec_key(int curve = NID_X9_62_prime256v1) {
  bssl::UniquePtr<EC_KEY> ec(EC_KEY_new_by_curve_name(curve));
  EC_KEY_generate_key(ec.get());
  Key key(EVP_PKEY_new());
  EVP_PKEY_set1_EC_KEY(key.get(), ec.get());
  return key;
}

inline Key make_rsa_key() {
  bssl::UniquePtr<RSA> rsa(RSA_new());
  bssl::UniquePtr<BIGNUM> exponent(BN_new());
  BN_set_word(exponent.get(), RSA_F4);
  RSA_generate_key_ex(rsa.get(), 2048, exponent.get(), nullptr);
  Key key(EVP_PKEY_new());
  EVP_PKEY_set1_RSA(key.get(), rsa.get());
  return key;
}

inline Key make_ed25519_key() {
  EVP_PKEY* key = nullptr;
  bssl::UniquePtr<EVP_PKEY_CTX> context(EVP_PKEY_CTX_new_id(EVP_PKEY_ED25519, nullptr));
  EVP_PKEY_keygen_init(context.get());
  EVP_PKEY_keygen(context.get(), &key);
  return Key(key);
}

struct Wish {
  std::string names = "DNS:mail.example.org";  // as a subjectAltName; empty: none
  std::string common_name = "mail.example.org";
  bool authority = false;
  long begins = -3600, ends = 30L * 86'400;  // seconds from now
};

inline void extend(X509* certificate, int nid, const std::string& value) {
  X509_EXTENSION* made = X509V3_EXT_nconf_nid(nullptr, nullptr, nid, value.c_str());
  const bssl::UniquePtr<X509_EXTENSION> extension(made);
  X509_add_ext(certificate, made, -1);
}

// Signed by `issuer` and its key, or by its own key.
inline bssl::UniquePtr<X509> make_certificate(EVP_PKEY& key, const Wish& wish,
                                              X509* issuer = nullptr,
                                              EVP_PKEY* issuer_key = nullptr) {
  static long serial = 1;
  bssl::UniquePtr<X509> made(X509_new());
  X509_set_version(made.get(), X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(made.get()), serial++);
  X509_gmtime_adj(X509_getm_notBefore(made.get()), wish.begins);
  X509_gmtime_adj(X509_getm_notAfter(made.get()), wish.ends);
  X509_NAME* name = X509_get_subject_name(made.get());
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, octets_of(bytes_of(wish.common_name)),
                             static_cast<int>(wish.common_name.size()), -1, 0);
  X509_set_issuer_name(made.get(), issuer == nullptr ? name : X509_get_subject_name(issuer));
  X509_set_pubkey(made.get(), &key);
  if (wish.authority) extend(made.get(), NID_basic_constraints, "critical,CA:TRUE");
  if (!wish.names.empty()) extend(made.get(), NID_subject_alt_name, wish.names);
  EVP_PKEY* signing = issuer_key == nullptr ? &key : issuer_key;
  const bool plain = EVP_PKEY_id(signing) == EVP_PKEY_ED25519;
  X509_sign(made.get(), signing, plain ? nullptr : EVP_sha256());
  return made;
}

inline std::string pem_of(X509* certificate) {
  const bssl::UniquePtr<BIO> sink(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(sink.get(), certificate);
  const std::uint8_t* data = nullptr;
  std::size_t octets = 0;
  BIO_mem_contents(sink.get(), &data, &octets);
  return std::string(text_of(bytes_at(data, octets)));
}

// Everything that an end of a connection has.
struct Party {
  Key key;
  bssl::UniquePtr<X509> certificate{};
  std::string pem{};  // with its issuer behind it, if it has one
  std::shared_ptr<const Certificate> parsed{};
};

inline Party make_party(Key key, const Wish& wish = {}, const Party* issuer = nullptr) {
  Party party{.key = std::move(key)};
  party.certificate =
      make_certificate(*party.key, wish, issuer ? issuer->certificate.get() : nullptr,
                       issuer ? issuer->key.get() : nullptr);
  party.pem = pem_of(party.certificate.get());
  if (issuer != nullptr) party.pem += issuer->pem;
  party.parsed = std::make_shared<const Certificate>(*parse_certificate(party.pem));
  return party;
}

inline std::expected<std::vector<std::byte>, Fault> sign_now(EVP_PKEY& key, std::uint16_t scheme,
                                                             Bytes input) {
  bssl::ScopedEVP_MD_CTX context;
  EVP_PKEY_CTX* details = nullptr;
  const EVP_MD* digest = SSL_get_signature_algorithm_digest(scheme);
  std::size_t octets = 0;
  bool good = EVP_DigestSignInit(context.get(), &details, digest, nullptr, &key) == 1;
  if (good && SSL_is_signature_algorithm_rsa_pss(scheme) != 0)
    good = EVP_PKEY_CTX_set_rsa_padding(details, RSA_PKCS1_PSS_PADDING) == 1 &&
           EVP_PKEY_CTX_set_rsa_pss_saltlen(details, -1) == 1;
  good =
      good && EVP_DigestSign(context.get(), nullptr, &octets, octets_of(input), input.size()) == 1;
  std::vector<std::byte> signature(octets);
  good = good && EVP_DigestSign(context.get(), octets_of(MutableBytes(signature)), &octets,
                                octets_of(input), input.size()) == 1;
  if (!good) return std::unexpected(Fault{.operation = "sign", .code = EINVAL});
  signature.resize(octets);
  return signature;
}

// Answers when deliver() is called, in the order of the questions.
class LocalSigner final : public Signer {
 public:
  void add(const Party& party) { keys_[party.parsed->key] = party.key.get(); }

  void sign(SignJob& job, const KeyName& key, std::uint16_t scheme, Bytes input) override {
    const auto known = keys_.find(key);
    schemes.push_back(scheme);
    if (known == keys_.end() || broken) {
      waiting_.emplace_back(&job, std::unexpected(Fault{.operation = "sign", .code = ENOKEY}));
    } else {
      waiting_.emplace_back(&job, sign_now(*known->second, scheme, input));
    }
  }
  void forget(SignJob& job) override {
    std::erase_if(waiting_, [&job](const auto& one) { return one.first == &job; });
  }

  bool any() const { return !waiting_.empty(); }
  void deliver() {
    for (auto& [job, signature] : std::exchange(waiting_, {}))
      job->signature_ready(std::move(signature));
  }

  bool broken = false;
  std::vector<std::uint16_t> schemes;  // that were asked for

 private:
  std::map<KeyName, EVP_PKEY*> keys_;
  std::vector<std::pair<SignJob*, std::expected<std::vector<std::byte>, Fault>>> waiting_;
};

}  // namespace ringpost::tls::testing
