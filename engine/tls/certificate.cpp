// Certificate: see certificate.h. BoringSSL's parsers do the reading.
#include "engine/tls/certificate.h"

#include <algorithm>
#include <limits>
#include <optional>

#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/bytestring.h>
#include <openssl/ec_key.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/mem.h>
#include <openssl/nid.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "engine/tls/problem.h"
#include "proto/base/ascii.h"
#include "proto/base/check.h"

namespace ringpost::tls {
namespace {

constexpr std::size_t chain_max = 16;

KeyName digest_of(Bytes octets) {
  KeyName digest{};
  SHA256(octets_of(octets), octets.size(), octets_of(MutableBytes(digest)));
  return digest;
}

std::optional<WallTime> wall_of(const ASN1_TIME* time) {
  const bssl::UniquePtr<ASN1_TIME> epoch(ASN1_TIME_set(nullptr, 0));
  int days = 0, seconds_more = 0;
  if (!epoch || ASN1_TIME_diff(&days, &seconds_more, epoch.get(), time) != 1) return std::nullopt;
  return WallTime{(std::int64_t{days} * 86'400 + seconds_more) * 1'000'000};
}

std::string text_of_string(const ASN1_STRING* text) {
  return std::string(text_of(
      bytes_at(ASN1_STRING_get0_data(text), static_cast<std::size_t>(ASN1_STRING_length(text)))));
}

// A NUL or a control character in a name is a trick, not a name.
bool is_plain(std::string_view name) {
  return !name.empty() && std::ranges::none_of(name, ascii::is_control);
}

std::vector<std::string> names_of(const X509* leaf) {
  std::vector<std::string> names;
  const bssl::UniquePtr<GENERAL_NAMES> alternatives(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(leaf, NID_subject_alt_name, nullptr, nullptr)));
  for (std::size_t i = 0; i < sk_GENERAL_NAME_num(alternatives.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(alternatives.get(), i);
    if (name->type != GEN_DNS) continue;
    const std::string text = ascii::lower(text_of_string(name->d.dNSName));
    if (is_plain(text)) names.push_back(text);
  }
  if (!names.empty()) return names;
  const X509_NAME* subject = X509_get_subject_name(leaf);
  const int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  if (at < 0) return names;
  const std::string text =
      ascii::lower(text_of_string(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at))));
  if (is_plain(text)) names.push_back(text);
  return names;
}

std::string subject_of(const X509* leaf) {
  const bssl::UniquePtr<BIO> sink(BIO_new(BIO_s_mem()));
  const std::uint8_t* data = nullptr;
  std::size_t octets = 0;
  if (!sink ||
      X509_NAME_print_ex(sink.get(), X509_get_subject_name(leaf), 0, XN_FLAG_RFC2253) < 0 ||
      BIO_mem_contents(sink.get(), &data, &octets) != 1)
    return {};
  return std::string(text_of(bytes_at(data, octets)));
}

std::string fingerprint_of(const CRYPTO_BUFFER& der) {
  std::string text;
  for (const std::byte octet :
       digest_of(bytes_at(CRYPTO_BUFFER_data(&der), CRYPTO_BUFFER_len(&der))))
    text += fmt::format("{:02x}", static_cast<unsigned>(octet));
  return text;
}

std::optional<KeyKind> kind_of(const EVP_PKEY* key) {
  switch (EVP_PKEY_id(key)) {
    case EVP_PKEY_RSA:
      return KeyKind::Rsa;
    case EVP_PKEY_ED25519:
      return KeyKind::Ed25519;
    case EVP_PKEY_EC:
      break;
    default:
      return std::nullopt;
  }
  switch (EC_GROUP_get_curve_name(EC_KEY_get0_group(EVP_PKEY_get0_EC_KEY(key)))) {
    case NID_X9_62_prime256v1:
      return KeyKind::EcdsaP256;
    case NID_secp384r1:
      return KeyKind::EcdsaP384;
    case NID_secp521r1:
      return KeyKind::EcdsaP521;
    default:
      return std::nullopt;
  }
}

std::expected<void, std::string> read_key(X509* leaf, Certificate& certificate) {
  const bssl::UniquePtr<EVP_PKEY> key(X509_get_pubkey(leaf));
  if (!key) return std::unexpected("its public key cannot be read: " + last_problem());
  const auto kind = kind_of(key.get());
  if (!kind)
    return std::unexpected("its key is neither RSA, ECDSA (P-256, P-384, P-521) nor Ed25519");
  certificate.kind = *kind;
  certificate.key_bits = static_cast<unsigned>(EVP_PKEY_bits(key.get()));
  std::uint8_t* der = nullptr;
  const int octets = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(leaf), &der);
  const bssl::UniquePtr<std::uint8_t> kept(der);
  if (octets <= 0) return std::unexpected("its public key cannot be read");
  certificate.key = digest_of(bytes_at(der, static_cast<std::size_t>(octets)));
  return {};
}

std::expected<void, std::string> read_leaf(X509* leaf, Certificate& certificate) {
  if (auto key = read_key(leaf, certificate); !key) return key;
  const auto from = wall_of(X509_get0_notBefore(leaf));
  const auto until = wall_of(X509_get0_notAfter(leaf));
  if (!from || !until) return std::unexpected("its times cannot be read");
  certificate.not_before = *from;
  certificate.not_after = *until;
  certificate.names = names_of(leaf);
  certificate.subject = subject_of(leaf);
  certificate.fingerprint = fingerprint_of(*certificate.chain.front());
  return {};
}

bool names_host(std::string_view name, std::string_view host) {
  if (!name.starts_with("*.")) return ascii::equal_ignoring_case(name, host);
  const std::size_t dot = host.find('.');
  // At least two labels behind the star: "*.org" would be everybody's.
  if (dot == 0 || dot == host.npos || !name.substr(2).contains('.')) return false;
  return ascii::equal_ignoring_case(name.substr(1), host.substr(dot));
}

}  // namespace

std::string_view to_text(KeyKind kind) {
  switch (kind) {
    case KeyKind::Rsa:
      return "RSA";
    case KeyKind::EcdsaP256:
      return "ECDSA P-256";
    case KeyKind::EcdsaP384:
      return "ECDSA P-384";
    case KeyKind::EcdsaP521:
      return "ECDSA P-521";
    case KeyKind::Ed25519:
      break;
  }
  return "Ed25519";
}

std::expected<std::vector<bssl::UniquePtr<X509>>, std::string> parse_certificates(
    std::string_view pem) {
  ERR_clear_error();
  CHECK(pem.size() <= static_cast<std::size_t>(std::numeric_limits<int>::max()));
  const bssl::UniquePtr<BIO> source(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  std::vector<bssl::UniquePtr<X509>> found;
  while (X509* one = PEM_read_bio_X509(source.get(), nullptr, nullptr, nullptr))
    found.emplace_back(one);
  const std::uint32_t error = ERR_peek_last_error();
  const bool at_end =
      ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
  if (!at_end)
    return std::unexpected(fmt::format("certificate {}: {}", found.size() + 1, last_problem()));
  ERR_clear_error();
  return found;
}

std::expected<Certificate, std::string> parse_certificate(std::string_view pem) {
  auto found = parse_certificates(pem);
  if (!found) return std::unexpected(found.error());
  if (found->empty()) return std::unexpected("no certificate in it");
  if (found->size() > chain_max)
    return std::unexpected(fmt::format("more than {} certificates", chain_max));
  Certificate certificate;
  for (std::size_t i = 0; i < found->size(); ++i) {
    X509* one = (*found)[i].get();
    std::uint8_t* der = nullptr;
    const int octets = i2d_X509(one, &der);
    const bssl::UniquePtr<std::uint8_t> kept(der);
    if (octets <= 0) return std::unexpected("a certificate cannot be written again");
    certificate.chain.emplace_back(
        CRYPTO_BUFFER_new(der, static_cast<std::size_t>(octets), nullptr));
    const bool last = i + 1 == found->size();
    if (!last && X509_check_issued((*found)[i + 1].get(), one) != X509_V_OK)
      certificate.is_chain = false;
  }
  if (auto read = read_leaf(found->front().get(), certificate); !read)
    return std::unexpected(read.error());
  return certificate;
}

Identity identify(const CRYPTO_BUFFER& der) {
  const std::uint8_t* at = CRYPTO_BUFFER_data(&der);
  const bssl::UniquePtr<X509> one(
      d2i_X509(nullptr, &at, static_cast<long>(CRYPTO_BUFFER_len(&der))));
  ERR_clear_error();
  return {.subject = one ? subject_of(one.get()) : "", .fingerprint = fingerprint_of(der)};
}

bool covers(const std::vector<std::string>& names, std::string_view host) {
  return !host.empty() && std::ranges::any_of(names, [host](const std::string& name) {
    return names_host(name, host);
  });
}

}  // namespace ringpost::tls
