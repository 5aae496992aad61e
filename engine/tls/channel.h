// Channel: one TLS session, server or client, between a connection and a dialogue; sans-IO: octets
// of the peer in, plaintext out, and the other way. RFC 8446, RFC 5246. Owner: one core. What fails
// is a state and a text, never a crash; a failed channel still has an alert to send.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <openssl/base.h>

#include "engine/tls/client_context.h"
#include "engine/tls/hooks.h"
#include "engine/tls/server_context.h"
#include "engine/tls/signer.h"

namespace ringpost::tls {

class ChannelOwner {
 public:
  // A signature came: receive() goes on, also without further octets. From the loop, never from
  // inside a call of the owner's.
  virtual void channel_resumes() = 0;

 protected:
  ~ChannelOwner() = default;
};

// The peer's certificate.
struct PeerCertificate {
  bool verified = false;
  std::string problem;      // why it is not verified
  std::string subject;      // RFC 2253
  std::string fingerprint;  // SHA-256, hexadecimal
};

// A session that stands, for the log, the Received field and decisions.
struct ChannelFacts {
  std::string_view version;  // "TLSv1.3"
  std::string_view cipher;   // by its IETF name
  unsigned cipher_bits = 0;
  std::string_view group;   // of the key exchange; empty when it is not known
  std::string server_name;  // what the client asked for
  std::string protocol;     // of ALPN
  bool resumed = false;
  std::optional<PeerCertificate> peer;
};

class Channel final : SignJob {
 public:
  enum class State : std::uint8_t {
    Handshake,
    Open,
    PeerEnded,  // its close_notify came; we may still send
    Failed,
  };

  // The server's side. `signer` must outlive the channel.
  Channel(const ServerContext& context, Signer& signer, ChannelOwner& owner);
  // The client's side, whose first octets are ready at once. `signer` is asked only when the
  // context has a certificate.
  Channel(const ClientContext& context, ClientAim aim, Signer& signer, ChannelOwner& owner);
  ~Channel();
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  struct Progress {
    std::size_t consumed = 0;  // of the octets given
    std::size_t produced = 0;  // of the room given
    bool none() const { return consumed == 0 && produced == 0; }
  };
  // Takes octets of the peer and writes plaintext into `room`; goes on with what it has when there
  // are none. To be called until there is no progress; then it needs more octets or the signature.
  // Never takes octets beyond the record that ended the peer's side.
  Progress receive(Bytes octets, MutableBytes room);

  // Takes all of `plaintext`; only while may_send(). An empty text is nothing.
  void send(Bytes plaintext);
  bool may_send() const { return state_ == State::Open || state_ == State::PeerEnded; }
  // Says that nothing more will be sent (close_notify); nothing when there is no session.
  void finish();

  // Octets for the peer wait.
  bool has_output() const { return !output_.empty(); }
  std::size_t output_octets() const { return output_.size(); }
  // Exchanges them for the contents of `target`, which must be empty and keeps its memory for the
  // next ones.
  void take_output(std::string& target);

  State state() const { return state_; }
  bool awaits_signature() const { return signing_ == Signing::Asked; }
  // Why it Failed: for the log.
  const std::string& problem() const { return problem_; }
  // Once the handshake is done.
  ChannelFacts facts() const;
  // The server's certificate of this session, on its side; none for a resumed one of TLS 1.3.
  const Certificate* certificate() const { return certificate_; }
  // "tls-exporter" of RFC 9266; nothing while there is no session, or one of TLS 1.2: there an
  // empty context and none are two things, and clients do not agree on which of them it is.
  std::optional<std::array<std::byte, 32>> binding() const;

 private:
  enum class Signing : std::uint8_t { Idle, Asked, Signed, Refused };
  struct Hooks;  // the functions that BoringSSL calls
  friend void attach_server_hooks(SSL_CTX* context);
  friend void attach_client_hooks(SSL_CTX* context);
  static void hook_up(SSL_CTX* context, bool server);

  Channel(SSL_CTX* context, Signer& signer, ChannelOwner& owner);
  void signature_ready(std::expected<std::vector<std::byte>, Fault> signature) override;
  void advance_handshake();
  std::size_t read_plaintext(MutableBytes room);
  bool judge_peer(std::string& problem) const;
  bool asks_for_peer() const;
  bool demands_peer() const;
  void fail();

  Signer& signer_;
  ChannelOwner& owner_;
  const ServerContext* server_ = nullptr;
  const ClientContext* client_ = nullptr;
  ClientAim aim_;
  bssl::UniquePtr<SSL> ssl_;
  const Certificate* certificate_ = nullptr;
  State state_ = State::Handshake;
  Signing signing_ = Signing::Idle;
  std::vector<std::byte> signature_;
  bool finished_ = false;
  bool peer_verified_ = false;
  std::string peer_problem_;
  std::string signer_problem_;
  Bytes input_;  // during receive()
  std::string output_;
  std::string problem_;
};

}  // namespace ringpost::tls
