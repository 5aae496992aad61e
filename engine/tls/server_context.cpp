// ServerContext: see server_context.h.
#include "engine/tls/server_context.h"

#include <algorithm>
#include <array>
#include <cstring>

#include <openssl/bytestring.h>
#include <openssl/hmac.h>
#include <openssl/mem.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>

#include "engine/tls/hooks.h"
#include "engine/tls/problem.h"
#include "engine/tls/settings.h"
#include "proto/base/check.h"

namespace ringpost::tls {
namespace {

const ServerContext& context_of(const SSL* ssl) {
  return *static_cast<const ServerContext*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
}

// 1: done; 2: done, and the client should get a new ticket; 0: not one of ours any more.
int use_ticket_key(SSL* ssl, std::uint8_t* name, std::uint8_t* iv, EVP_CIPHER_CTX* cipher,
                   HMAC_CTX* mac, int encrypt) {
  const TicketKeys& keys = *context_of(ssl).options().tickets;
  TicketKeys::Key key;
  bool old = false;
  bool fine = false;
  if (encrypt != 0) {
    key = keys.current();
    std::memcpy(name, key.name.data(), key.name.size());
    RAND_bytes(iv, 16);
    fine = EVP_EncryptInit_ex(cipher, EVP_aes_128_cbc(), nullptr, key.cipher.data(), iv) == 1;
  } else {
    if (!keys.find(name, key, old)) return 0;
    fine = EVP_DecryptInit_ex(cipher, EVP_aes_128_cbc(), nullptr, key.cipher.data(), iv) == 1;
  }
  fine = fine && HMAC_Init_ex(mac, key.mac.data(), key.mac.size(), EVP_sha256(), nullptr) == 1;
  OPENSSL_cleanse(&key, sizeof key);
  if (!fine) return -1;
  return old ? 2 : 1;
}

// Who offers protocols without ours talks to somebody else (RFC 7301 3.2), perhaps without knowing.
int choose_protocol(SSL*, const std::uint8_t** chosen, std::uint8_t* octets,
                    const std::uint8_t* offered, unsigned offered_octets, void*) {
  static constexpr std::array<std::uint8_t, 5> ours{4, 's', 'm', 't', 'p'};
  std::uint8_t* found = nullptr;
  const int result =
      SSL_select_next_proto(&found, octets, ours.data(), ours.size(), offered, offered_octets);
  *chosen = found;
  return result == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

std::vector<std::uint16_t> numbers_of(CBS list) {
  std::vector<std::uint16_t> numbers;
  for (std::uint16_t number = 0; CBS_get_u16(&list, &number) == 1;) numbers.push_back(number);
  return numbers;
}

std::vector<std::uint16_t> extension_numbers(const SSL_CLIENT_HELLO& hello, std::uint16_t type,
                                             bool short_length) {
  const std::uint8_t* data = nullptr;
  std::size_t octets = 0;
  if (SSL_early_callback_ctx_extension_get(&hello, type, &data, &octets) != 1) return {};
  CBS whole, list;
  CBS_init(&whole, data, octets);
  const int read = short_length ? CBS_get_u8_length_prefixed(&whole, &list)
                                : CBS_get_u16_length_prefixed(&whole, &list);
  return read == 1 ? numbers_of(list) : std::vector<std::uint16_t>{};
}

bool has(const std::vector<std::uint16_t>& numbers, std::uint16_t wanted) {
  return std::ranges::find(numbers, wanted) != numbers.end();
}

// What a client says it can verify; RSA is what everybody can.
class Abilities {
 public:
  Abilities(const SSL_CLIENT_HELLO& hello, std::uint16_t version_max)
      : schemes_(extension_numbers(hello, TLSEXT_TYPE_signature_algorithms, false)) {
    const auto versions = extension_numbers(hello, TLSEXT_TYPE_supported_versions, true);
    if (version_max >= TLS1_3_VERSION && has(versions, TLS1_3_VERSION)) {
      modern_ = true;
      return;
    }
    CBS list;
    CBS_init(&list, hello.cipher_suites, hello.cipher_suites_len);
    const auto suites = numbers_of(list);
    static constexpr std::array<std::uint16_t, 5> ecdsa{0xc009, 0xc00a, 0xc02b, 0xc02c, 0xcca9};
    ecdsa_suite_ = std::ranges::any_of(ecdsa, [&](auto suite) { return has(suites, suite); });
  }

  bool can_verify(KeyKind kind) const {
    if (kind == KeyKind::Rsa) return true;
    if (!modern_ && !ecdsa_suite_) return false;
    switch (kind) {
      case KeyKind::EcdsaP256:
        return has(schemes_, SSL_SIGN_ECDSA_SECP256R1_SHA256);
      case KeyKind::EcdsaP384:
        return has(schemes_, SSL_SIGN_ECDSA_SECP384R1_SHA384);
      case KeyKind::EcdsaP521:
        return has(schemes_, SSL_SIGN_ECDSA_SECP521R1_SHA512);
      case KeyKind::Ed25519:
        return has(schemes_, SSL_SIGN_ED25519);
      case KeyKind::Rsa:
        break;
    }
    return true;
  }

 private:
  std::vector<std::uint16_t> schemes_;
  bool modern_ = false;
  bool ecdsa_suite_ = false;
};

bool share_a_name(const Certificate& a, const Certificate& b) {
  return std::ranges::any_of(a.names, [&b](const auto& name) {
    return std::ranges::find(b.names, name) != b.names.end();
  });
}

}  // namespace

ServerContext::ServerContext(ServerOptions options)
    : options_(std::move(options)), context_(SSL_CTX_new(TLS_method())) {
  CHECK(context_ != nullptr);
}

ServerContext::~ServerContext() = default;

std::expected<std::shared_ptr<const ServerContext>, std::string> ServerContext::make(
    ServerOptions options) {
  CHECK(!options.certificates.empty() && options.tickets != nullptr);
  CHECK(options.client_certificates == ClientCertificates::None || options.client_authorities);
  const std::shared_ptr<ServerContext> context(new ServerContext(std::move(options)));
  if (auto done = context->set_up(); !done) return std::unexpected(done.error());
  return context;
}

std::expected<void, std::string> ServerContext::set_up() {
  SSL_CTX* context = context_.get();
  const auto versions = parse_protocols(options_.protocols);
  if (!versions) return std::unexpected(versions.error());
  if (auto set = set_ciphers(context, options_.ciphers); !set) return set;
  // No SHA-1: who can do no better does not get a signature.
  static constexpr std::array<std::uint16_t, 10> schemes{SSL_SIGN_ED25519,
                                                         SSL_SIGN_ECDSA_SECP256R1_SHA256,
                                                         SSL_SIGN_ECDSA_SECP384R1_SHA384,
                                                         SSL_SIGN_ECDSA_SECP521R1_SHA512,
                                                         SSL_SIGN_RSA_PSS_RSAE_SHA256,
                                                         SSL_SIGN_RSA_PSS_RSAE_SHA384,
                                                         SSL_SIGN_RSA_PSS_RSAE_SHA512,
                                                         SSL_SIGN_RSA_PKCS1_SHA256,
                                                         SSL_SIGN_RSA_PKCS1_SHA384,
                                                         SSL_SIGN_RSA_PKCS1_SHA512};
  const bool set =
      SSL_CTX_set_min_proto_version(context, versions->min) == 1 &&
      SSL_CTX_set_max_proto_version(context, versions->max) == 1 &&
      SSL_CTX_set_signing_algorithm_prefs(context, schemes.data(), schemes.size()) == 1;
  if (!set) return std::unexpected(last_problem());
  SSL_CTX_set_app_data(context, this);
  SSL_CTX_set_options(context, SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_alpn_select_cb(context, choose_protocol, nullptr);
  attach_server_hooks(context);
  bind_sessions();
  return {};
}

// A session is resumed only where a client's certificate was judged in the same way.
void ServerContext::bind_sessions() {
  SSL_CTX* context = context_.get();
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);  // tickets alone
  SSL_CTX_set_tlsext_ticket_key_cb(context, use_ticket_key);
  const auto lifetime = static_cast<std::uint32_t>(TicketKeys::lifetime.seconds());
  SSL_CTX_set_timeout(context, lifetime);
  SSL_CTX_set_session_psk_dhe_timeout(context, lifetime);
  KeyName identity{};
  if (options_.client_authorities) identity = options_.client_authorities->identity();
  identity[0] ^= static_cast<std::byte>(options_.client_certificates);
  SSL_CTX_set_session_id_context(context, octets_of(Bytes(identity)), identity.size());
}

const Certificate& ServerContext::choose(const SSL_CLIENT_HELLO& hello) const {
  const char* sent = SSL_get_servername(hello.ssl, TLSEXT_NAMETYPE_host_name);
  const std::string_view host = sent == nullptr ? "" : sent;
  const auto& all = options_.certificates;
  const bool known =
      std::ranges::any_of(all, [&](const auto& one) { return covers(one->names, host); });
  const Abilities abilities(hello, SSL_CTX_get_max_proto_version(context_.get()));
  const Certificate* chosen = nullptr;
  for (const auto& one : all) {
    const bool meant =
        known ? covers(one->names, host) : one == all.front() || share_a_name(*one, *all.front());
    if (!meant) continue;
    const bool better =
        chosen == nullptr || (abilities.can_verify(one->kind) &&
                              (!abilities.can_verify(chosen->kind) ||
                               (chosen->kind == KeyKind::Rsa && one->kind != KeyKind::Rsa)));
    if (better) chosen = one.get();
  }
  return *chosen;
}

}  // namespace ringpost::tls
