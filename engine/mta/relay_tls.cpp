// What relays need of TLS: see relay_tls.h.
#include "engine/mta/relay_tls.h"

#include <optional>
#include <utility>

#include <fmt/format.h>

#include "proto/base/ascii.h"

namespace ringpost::mta {
namespace {

template <class Value>
const Value* find(const std::map<std::string, Value>& all, std::string_view name) {
  auto found = all.find(ascii::lower(name));
  if (found == all.end()) found = all.find("*");
  return found == all.end() ? nullptr : &found->second;
}

class Making {
 public:
  Making(const conf::Config& config, const CertificateSet& certificates,
         const CertificateWish& wish, std::vector<conf::Diagnostic>& diagnostics)
      : config_(config), certificates_(certificates), wish_(wish), diagnostics_(diagnostics) {}

  RelayTls run() {
    RelayTls result;
    for (const auto& action : config_.actions) {
      if (action->method != conf::Method::Relay) continue;
      if (result.usual == nullptr) result.usual = usual();
      if (!says_something(action->relay)) continue;
      if (auto context = of_action(*action)) result.by_action[action->name] = std::move(context);
    }
    return result;
  }

 private:
  static bool says_something(const conf::RelaySettings& relay) {
    return !relay.pki.empty() || !relay.ca.empty() || !relay.ciphers.empty() ||
           !relay.protocols.empty();
  }

  // Without authorities no server is verified, which matters only where one has to be.
  const std::shared_ptr<const tls::TrustStore>& of_system() {
    if (system_) return *system_;
    system_.emplace();
    // A listener that verifies its clients by them has had them read.
    const auto known = certificates_.authorities.find("");
    if (known != certificates_.authorities.end()) return *(system_ = known->second);
    const auto pem = wish_.read(system_authorities);
    if (!pem) return *system_;
    if (auto parsed = wish_.known_authorities->parse(*pem)) *system_ = std::move(*parsed);
    return *system_;
  }

  std::shared_ptr<const tls::ClientContext> usual() {
    auto made = tls::ClientContext::make({.authorities = of_system()});
    return made ? *made : nullptr;
  }

  std::shared_ptr<const tls::ClientContext> of_action(const conf::Action& action) {
    const conf::RelaySettings& relay = action.relay;
    tls::ClientOptions options{.ciphers = relay.ciphers, .protocols = relay.protocols};
    options.authorities = of_system();
    if (!relay.ca.empty()) {
      const auto* named = find(certificates_.authorities, relay.ca);
      options.authorities = named == nullptr ? nullptr : *named;
      if (named == nullptr) warn(action, "ca", relay.ca, "no server is verified");
    }
    if (!relay.pki.empty()) {
      const auto* named = find(certificates_.pkis, relay.pki);
      options.certificate = named == nullptr ? nullptr : *named;
      if (named == nullptr) warn(action, "pki", relay.pki, "no certificate is shown");
    }
    auto made = tls::ClientContext::make(std::move(options));
    if (made) return *made;
    tell(action.position, conf::Severity::Error,
         fmt::format("action \"{}\": {}", action.name, made.error()));
    return nullptr;
  }

  void warn(const conf::Action& action, std::string_view what, std::string_view name,
            std::string_view result) {
    tell(action.position, conf::Severity::Warning,
         fmt::format("action \"{}\": no such {}: \"{}\", so {}", action.name, what, name, result));
  }

  void tell(conf::Position position, conf::Severity severity, std::string text) {
    diagnostics_.push_back(config_.diagnostic_at(position, severity, std::move(text)));
  }

  const conf::Config& config_;
  const CertificateSet& certificates_;
  const CertificateWish& wish_;
  std::vector<conf::Diagnostic>& diagnostics_;
  std::optional<std::shared_ptr<const tls::TrustStore>> system_;
};

}  // namespace

RelayTls relay_tls_of(const conf::Config& config, const CertificateSet& certificates,
                      const CertificateWish& wish, std::vector<conf::Diagnostic>& diagnostics) {
  return Making(config, certificates, wish, diagnostics).run();
}

}  // namespace ringpost::mta
