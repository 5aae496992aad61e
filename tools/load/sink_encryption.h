// What a sink needs to speak TLS: a certificate and its private key from files, and signatures by
// it in the sink's own thread. Nothing of the product's daemon works like that: there the key lies
// in a process of its own.
#pragma once

#include <expected>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/process/key_file.h"
#include "engine/tls/server_context.h"
#include "engine/tls/signer.h"
#include "engine/tls/ticket_keys.h"

namespace ringpost::load {

// Shared by all threads; immutable.
class SinkEncryption {
 public:
  // The error is a sentence for the operator.
  static std::expected<std::shared_ptr<const SinkEncryption>, std::string> load(
      const std::string& certificate_path, const std::string& key_path);

  const tls::ServerContext& context() const { return *context_; }
  std::expected<std::vector<std::byte>, Fault> sign(std::uint16_t scheme, Bytes input) const;

 private:
  explicit SinkEncryption(process::PrivateKey key) : key_(std::move(key)) {}

  process::PrivateKey key_;
  std::shared_ptr<const tls::ServerContext> context_;
};

// Of one thread: signs at once and tells it at the end of the turn.
class SinkSigner final : public tls::Signer {
 public:
  explicit SinkSigner(const SinkEncryption& encryption) : encryption_(encryption) {}

  void sign(tls::SignJob& job, const tls::KeyName& key, std::uint16_t scheme, Bytes input) override;
  void forget(tls::SignJob& job) override;
  void deliver();

 private:
  const SinkEncryption& encryption_;
  std::vector<std::pair<tls::SignJob*, std::expected<std::vector<std::byte>, Fault>>> signed_;
};

}  // namespace ringpost::load
