// A sink's certificate and key: see sink_encryption.h.
#include "tools/load/sink_encryption.h"

#include <fstream>
#include <iterator>

#include <fmt/format.h>

namespace ringpost::load {

std::expected<std::shared_ptr<const SinkEncryption>, std::string> SinkEncryption::load(
    const std::string& certificate_path, const std::string& key_path) {
  std::ifstream file(certificate_path, std::ios::binary);
  const std::string pem(std::istreambuf_iterator<char>(file), {});
  auto certificate = tls::parse_certificate(pem);
  if (!certificate)
    return std::unexpected(fmt::format("{}: {}", certificate_path, certificate.error()));
  auto key = process::PrivateKey::open(key_path);
  if (!key) return std::unexpected(std::move(key.error()));
  if (key->facts().name != certificate->key)
    return std::unexpected(
        fmt::format("{} is not the key of the certificate in {}", key_path, certificate_path));
  std::shared_ptr<SinkEncryption> self(new SinkEncryption(std::move(*key)));
  auto context = tls::ServerContext::make(
      {.certificates = {std::make_shared<const tls::Certificate>(std::move(*certificate))},
       .tickets = std::make_shared<const tls::TicketKeys>()});
  if (!context) return std::unexpected(std::move(context.error()));
  self->context_ = std::move(*context);
  return self;
}

std::expected<std::vector<std::byte>, Fault> SinkEncryption::sign(std::uint16_t scheme,
                                                                  Bytes input) const {
  const auto signature = key_.sign(scheme, input);
  if (!signature) return std::unexpected(Fault{"sign", signature.error()});
  const Bytes octets = bytes_of(*signature);
  return std::vector<std::byte>(octets.begin(), octets.end());
}

void SinkSigner::sign(tls::SignJob& job, const tls::KeyName&, std::uint16_t scheme, Bytes input) {
  signed_.emplace_back(&job, encryption_.sign(scheme, input));
}

void SinkSigner::forget(tls::SignJob& job) {
  std::erase_if(signed_, [&job](const auto& one) { return one.first == &job; });
}

// One job may make another forget its own.
void SinkSigner::deliver() {
  while (!signed_.empty()) {
    auto [job, signature] = std::move(signed_.front());
    signed_.erase(signed_.begin());
    job->signature_ready(std::move(signature));
  }
}

}  // namespace ringpost::load
