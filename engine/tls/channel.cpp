// Channel: see channel.h. BoringSSL reads and writes through a BIO of our own: it reads from the
// octets given to receive() and writes to output_, so an idle session holds no buffers.
#include "engine/tls/channel.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "engine/tls/hooks.h"
#include "engine/tls/problem.h"
#include "proto/base/check.h"

namespace ringpost::tls {

struct Channel::Hooks {
  static Channel& of(const SSL* ssl) { return *static_cast<Channel*>(SSL_get_app_data(ssl)); }
  static Channel& of(BIO* bio) { return *static_cast<Channel*>(BIO_get_data(bio)); }

  static int read(BIO* bio, char* room, int octets) {
    Channel& channel = of(bio);
    BIO_clear_retry_flags(bio);
    if (channel.input_.empty()) {
      BIO_set_retry_read(bio);
      return -1;
    }
    const std::size_t count = std::min(static_cast<std::size_t>(octets), channel.input_.size());
    std::memcpy(room, channel.input_.data(), count);
    channel.input_ = channel.input_.subspan(count);
    return static_cast<int>(count);
  }

  static int write(BIO* bio, const char* octets, int count) {
    BIO_clear_retry_flags(bio);
    of(bio).output_.append(octets, static_cast<std::size_t>(count));
    return count;
  }

  static long control(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

  static int create(BIO* bio) {
    BIO_set_init(bio, 1);
    return 1;
  }

  static const BIO_METHOD* transport() {
    static const BIO_METHOD* const method = [] {
      BIO_METHOD* made = BIO_meth_new(BIO_TYPE_NONE, "ringpost");
      CHECK(made != nullptr);
      BIO_meth_set_create(made, create);
      BIO_meth_set_read(made, read);
      BIO_meth_set_write(made, write);
      BIO_meth_set_ctrl(made, control);
      return made;
    }();
    return method;
  }

  static ssl_private_key_result_t sign(SSL* ssl, std::uint8_t*, std::size_t*, std::size_t,
                                       std::uint16_t scheme, const std::uint8_t* input,
                                       std::size_t octets) {
    Channel& channel = of(ssl);
    CHECK(channel.certificate_ != nullptr && channel.signing_ != Signing::Asked);
    channel.signing_ = Signing::Asked;
    channel.signer_.sign(channel, channel.certificate_->key, scheme, bytes_at(input, octets));
    return ssl_private_key_retry;
  }

  // Only RSA key exchange decrypts, and no such cipher is offered.
  static ssl_private_key_result_t decrypt(SSL*, std::uint8_t*, std::size_t*, std::size_t,
                                          const std::uint8_t*, std::size_t) {
    return ssl_private_key_failure;
  }

  static ssl_private_key_result_t complete(SSL* ssl, std::uint8_t* room, std::size_t* octets,
                                           std::size_t octets_max) {
    Channel& channel = of(ssl);
    if (channel.signing_ == Signing::Asked) return ssl_private_key_retry;
    const bool good =
        channel.signing_ == Signing::Signed && channel.signature_.size() <= octets_max;
    channel.signing_ = Signing::Idle;
    if (!good) return ssl_private_key_failure;
    std::memcpy(room, channel.signature_.data(), channel.signature_.size());
    *octets = channel.signature_.size();
    std::vector<std::byte>().swap(channel.signature_);
    return ssl_private_key_success;
  }

  static bool show(SSL* ssl, const Certificate& certificate) {
    static constexpr SSL_PRIVATE_KEY_METHOD method{
        .sign = sign, .decrypt = decrypt, .complete = complete};
    std::vector<CRYPTO_BUFFER*> chain;
    for (const auto& one : certificate.chain) chain.push_back(one.get());
    of(ssl).certificate_ = &certificate;
    return SSL_set_chain_and_key(ssl, chain.data(), chain.size(), nullptr, &method) == 1;
  }

  static ssl_select_cert_result_t select(const SSL_CLIENT_HELLO* hello) {
    const Certificate& chosen = of(hello->ssl).server_->choose(*hello);
    return show(hello->ssl, chosen) ? ssl_select_cert_success : ssl_select_cert_error;
  }

  static ssl_verify_result_t verify(SSL* ssl, std::uint8_t* alert) {
    Channel& channel = of(ssl);
    channel.peer_verified_ = channel.judge_peer(channel.peer_problem_);
    if (channel.peer_verified_ || !channel.demands_peer()) return ssl_verify_ok;
    *alert = SSL_AD_BAD_CERTIFICATE;
    return ssl_verify_invalid;
  }

  static int keep_session(SSL* ssl, SSL_SESSION* session) {
    Channel& channel = of(ssl);
    if (channel.aim_.sessions == nullptr) return 0;
    channel.aim_.sessions->put(channel.aim_.session_name, bssl::UniquePtr<SSL_SESSION>(session));
    return 1;
  }
};

void Channel::hook_up(SSL_CTX* context, bool server) {
  if (server) {
    SSL_CTX_set_select_certificate_cb(context, Hooks::select);
  } else {
    SSL_CTX_sess_set_new_cb(context, Hooks::keep_session);
  }
}

void attach_server_hooks(SSL_CTX* context) { Channel::hook_up(context, true); }
void attach_client_hooks(SSL_CTX* context) { Channel::hook_up(context, false); }

Channel::Channel(SSL_CTX* context, Signer& signer, ChannelOwner& owner)
    : signer_(signer), owner_(owner), ssl_(SSL_new(context)) {
  CHECK(ssl_ != nullptr);
  SSL_set_app_data(ssl_.get(), this);
  BIO* const bio = BIO_new(Hooks::transport());
  CHECK(bio != nullptr);
  BIO_set_data(bio, this);
  SSL_set_bio(ssl_.get(), bio, bio);
  // What only a handshake needs is freed after it.
  SSL_set_shed_handshake_config(ssl_.get(), 1);
}

Channel::Channel(const ServerContext& context, Signer& signer, ChannelOwner& owner)
    : Channel(context.handle(), signer, owner) {
  server_ = &context;
  SSL_set_accept_state(ssl_.get());
  const ClientCertificates wanted = context.options().client_certificates;
  if (wanted == ClientCertificates::None) return;
  const int mode = wanted == ClientCertificates::Required
                       ? SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT
                       : SSL_VERIFY_PEER;
  SSL_set_custom_verify(ssl_.get(), mode, Hooks::verify);
}

Channel::Channel(const ClientContext& context, ClientAim aim, Signer& signer, ChannelOwner& owner)
    : Channel(context.handle(), signer, owner) {
  client_ = &context;
  aim_ = std::move(aim);
  SSL_set_connect_state(ssl_.get());
  SSL_set_custom_verify(ssl_.get(), SSL_VERIFY_PEER, Hooks::verify);
  if (!aim_.server_name.empty()) SSL_set_tlsext_host_name(ssl_.get(), aim_.server_name.c_str());
  if (client_->options().certificate) Hooks::show(ssl_.get(), *client_->options().certificate);
  if (aim_.sessions != nullptr) {
    const auto session = aim_.sessions->find(aim_.session_name);
    if (session) SSL_set_session(ssl_.get(), session.get());
  }
  receive({}, {});
}

Channel::~Channel() { signer_.forget(*this); }

void Channel::signature_ready(std::expected<std::vector<std::byte>, Fault> signature) {
  CHECK(signing_ == Signing::Asked);
  signing_ = signature ? Signing::Signed : Signing::Refused;
  if (signature) {
    signature_ = std::move(*signature);
  } else {
    signer_problem_ = "no signature: " + to_text(signature.error());
  }
  owner_.channel_resumes();
}

Channel::Progress Channel::receive(Bytes octets, MutableBytes room) {
  const bool over = state_ == State::Failed || state_ == State::PeerEnded;
  if (over || awaits_signature()) return {};
  Progress progress;
  input_ = octets;
  if (state_ == State::Handshake) advance_handshake();
  while (state_ == State::Open && progress.produced < room.size()) {
    const std::size_t read = read_plaintext(room.subspan(progress.produced));
    if (read == 0) break;
    progress.produced += read;
  }
  progress.consumed = octets.size() - input_.size();
  input_ = {};
  return progress;
}

void Channel::advance_handshake() {
  ERR_clear_error();
  const int result = SSL_do_handshake(ssl_.get());
  if (result != 1) {
    const int error = SSL_get_error(ssl_.get(), result);
    if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_PRIVATE_KEY_OPERATION) fail();
    return;
  }
  // A resumed session says only that its peer was judged once.
  if (SSL_session_reused(ssl_.get()) != 0 && asks_for_peer()) {
    std::uint8_t alert = 0;
    if (Hooks::verify(ssl_.get(), &alert) != ssl_verify_ok) {
      SSL_send_fatal_alert(ssl_.get(), alert);
      return fail();
    }
  }
  state_ = State::Open;
}

std::size_t Channel::read_plaintext(MutableBytes room) {
  constexpr std::size_t read_max = 1u << 30;
  ERR_clear_error();
  const int result =
      SSL_read(ssl_.get(), room.data(), static_cast<int>(std::min(room.size(), read_max)));
  if (result > 0) return static_cast<std::size_t>(result);
  const int error = SSL_get_error(ssl_.get(), result);
  if (error == SSL_ERROR_ZERO_RETURN) {
    state_ = State::PeerEnded;
  } else if (error != SSL_ERROR_WANT_READ) {
    fail();
  }
  return 0;
}

void Channel::send(Bytes plaintext) {
  CHECK(may_send() && !finished_);
  constexpr std::size_t write_max = 1u << 20;
  while (!plaintext.empty() && may_send()) {
    ERR_clear_error();
    const std::size_t part = std::min(plaintext.size(), write_max);
    const int result = SSL_write(ssl_.get(), plaintext.data(), static_cast<int>(part));
    if (result <= 0) return fail();
    plaintext = plaintext.subspan(static_cast<std::size_t>(result));
  }
}

void Channel::finish() {
  if (!may_send() || finished_) return;
  finished_ = true;
  ERR_clear_error();
  SSL_shutdown(ssl_.get());
  ERR_clear_error();
}

void Channel::take_output(std::string& target) {
  CHECK(target.empty());
  std::swap(target, output_);
}

bool Channel::asks_for_peer() const {
  return server_ == nullptr || server_->options().client_certificates != ClientCertificates::None;
}

bool Channel::demands_peer() const {
  return server_ == nullptr
             ? aim_.must_verify
             : server_->options().client_certificates == ClientCertificates::Required;
}

bool Channel::judge_peer(std::string& problem) const {
  const STACK_OF(CRYPTO_BUFFER)* chain = SSL_get0_peer_certificates(ssl_.get());
  const auto& authorities =
      server_ == nullptr ? client_->options().authorities : server_->options().client_authorities;
  if (chain == nullptr || sk_CRYPTO_BUFFER_num(chain) == 0) {
    problem = "no certificate";
  } else if (!authorities) {
    problem = "no authority is known";
  } else {
    using Role = TrustStore::Role;
    const auto found = authorities->problem_with(
        chain, server_ == nullptr ? Role::Server : Role::Client, aim_.names);
    if (!found) return true;
    problem = *found;
  }
  return false;
}

// The first reason counts: BoringSSL goes on to complain about what followed from it.
void Channel::fail() {
  state_ = State::Failed;
  problem_ = last_problem();
  if (!signer_problem_.empty()) {
    problem_ = signer_problem_;
    SSL_send_fatal_alert(ssl_.get(), SSL_AD_INTERNAL_ERROR);
  }
  if (demands_peer() && !peer_problem_.empty()) problem_ = "certificate: " + peer_problem_;
}

ChannelFacts Channel::facts() const {
  CHECK(state_ == State::Open || state_ == State::PeerEnded);
  const SSL* ssl = ssl_.get();
  const SSL_CIPHER* cipher = SSL_get_current_cipher(ssl);
  ChannelFacts facts;
  facts.version = SSL_get_version(ssl);
  facts.cipher = SSL_CIPHER_standard_name(cipher);
  facts.resumed = SSL_session_reused(ssl) != 0;
  facts.cipher_bits = static_cast<unsigned>(SSL_CIPHER_get_bits(cipher, nullptr));
  if (const char* group = SSL_get_curve_name(SSL_get_curve_id(ssl))) facts.group = group;
  const char* name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  if (server_ == nullptr) {
    facts.server_name = aim_.server_name;
  } else if (name != nullptr) {
    facts.server_name = name;
  }
  const std::uint8_t* protocol = nullptr;
  unsigned octets = 0;
  SSL_get0_alpn_selected(ssl, &protocol, &octets);
  facts.protocol = text_of(bytes_at(protocol, octets));
  const STACK_OF(CRYPTO_BUFFER)* chain = SSL_get0_peer_certificates(ssl);
  if (chain == nullptr || sk_CRYPTO_BUFFER_num(chain) == 0) return facts;
  const auto identity = identify(*sk_CRYPTO_BUFFER_value(chain, 0));
  facts.peer = PeerCertificate{.verified = peer_verified_,
                               .problem = peer_verified_ ? "" : peer_problem_,
                               .subject = identity.subject,
                               .fingerprint = identity.fingerprint};
  return facts;
}

std::optional<std::array<std::byte, 32>> Channel::binding() const {
  if (!may_send() || SSL_version(ssl_.get()) != TLS1_3_VERSION) return std::nullopt;
  static constexpr std::string_view label = "EXPORTER-Channel-Binding";
  std::array<std::byte, 32> value{};
  if (SSL_export_keying_material(ssl_.get(), octets_of(MutableBytes(value)), value.size(),
                                 label.data(), label.size(), nullptr, 0, 1) != 1)
    return std::nullopt;
  return value;
}

}  // namespace ringpost::tls
