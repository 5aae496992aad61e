// Certificates: see certificates.h.
#include "engine/mta/certificates.h"

#include <algorithm>

#include <fmt/format.h>

#include "engine/mta/generation.h"
#include "proto/base/check.h"

namespace ringpost::mta {
namespace {

class Complaints {
 public:
  Complaints(const conf::Config& config, std::vector<conf::Diagnostic>& diagnostics)
      : config_(config), diagnostics_(diagnostics) {}

  void error(const conf::Position& position, std::string text) {
    add(conf::Severity::Error, position, std::move(text));
  }
  void warning(const conf::Position& position, std::string text) {
    add(conf::Severity::Warning, position, std::move(text));
  }

 private:
  void add(conf::Severity severity, const conf::Position& position, std::string text) {
    diagnostics_.push_back(config_.diagnostic_at(position, severity, std::move(text)));
  }

  const conf::Config& config_;
  std::vector<conf::Diagnostic>& diagnostics_;
};

// What is wrong with it, or will be soon; it is used all the same, as the peers may not mind.
void judge_times(const conf::Pki& pki, const tls::Certificate& certificate, WallTime now,
                 Complaints& complaints) {
  const std::string& path = pki.certificate_path;
  if (now > certificate.not_after) {
    complaints.warning(pki.position, fmt::format("the certificate in {} has expired", path));
  } else if (now < certificate.not_before) {
    complaints.warning(pki.position, fmt::format("the certificate in {} is not yet valid", path));
  } else if (certificate.not_after - now < certificate_ends_soon) {
    complaints.warning(pki.position, fmt::format("the certificate in {} expires in {} days", path,
                                                 (certificate.not_after - now).seconds() / 86'400));
  }
}

std::shared_ptr<const tls::Certificate> load_pki(const conf::Pki& pki, const std::string& keys_user,
                                                 const CertificateWish& wish,
                                                 Complaints& complaints) {
  const auto text = wish.read(pki.certificate_path);
  if (!text) {
    complaints.error(pki.position, to_text(text.error()));
    return nullptr;
  }
  auto certificate = tls::parse_certificate(*text);
  if (!certificate) {
    complaints.error(pki.position,
                     fmt::format("{}: {}", pki.certificate_path, certificate.error()));
    return nullptr;
  }
  CHECK(wish.find_key);
  const auto key = wish.find_key(pki.key_path, keys_user);
  if (!key) {
    complaints.error(pki.position, key.error());
    return nullptr;
  }
  if (key->name != certificate->key) {
    complaints.error(pki.position, fmt::format("the key in {} is not that of the certificate in {}",
                                               pki.key_path, pki.certificate_path));
    return nullptr;
  }
  judge_times(pki, *certificate, wish.now, complaints);
  if (!certificate->is_chain)
    complaints.warning(pki.position,
                       fmt::format("the certificates in {} are no chain: each should be "
                                   "followed by that of its issuer",
                                   pki.certificate_path));
  if (certificate->names.empty())
    complaints.warning(pki.position,
                       fmt::format("the certificate in {} names no host", pki.certificate_path));
  if (pki.dhe != conf::DheMode::None)
    complaints.warning(pki.position,
                       "\"dhe\" has no effect: key exchange is by elliptic curves alone");
  return std::make_shared<const tls::Certificate>(std::move(*certificate));
}

std::shared_ptr<const tls::TrustStore> load_authorities(const std::string& path,
                                                        const conf::Position& position,
                                                        const CertificateWish& wish,
                                                        Complaints& complaints) {
  const auto text = wish.read(path);
  if (!text) {
    complaints.error(position, to_text(text.error()));
    return nullptr;
  }
  auto trust = wish.known_authorities->parse(*text);
  if (trust) return *trust;
  complaints.error(position, fmt::format("{}: {}", path, trust.error()));
  return nullptr;
}

// Those of the line, or, as OpenSMTPD has it, the one that is called like the host, or "*".
std::vector<std::shared_ptr<const tls::Certificate>> certificates_of(const conf::Listener& listener,
                                                                     const std::string& host,
                                                                     const CertificateSet& known,
                                                                     Complaints& complaints) {
  std::vector<std::shared_ptr<const tls::Certificate>> found;
  const auto add = [&](const std::string& name) {
    const auto one = known.pkis.find(name);
    if (one != known.pkis.end() && one->second) found.push_back(one->second);
    return one != known.pkis.end();
  };
  for (const conf::Pki* pki : listener.pkis) add(pki->name);
  if (!listener.pkis.empty()) return found;
  if (!add(host) && !add("*"))
    complaints.error(listener.position,
                     fmt::format("TLS needs a pki: name one, or declare one for {} or *", host));
  return found;
}

class ContextMaker {
 public:
  ContextMaker(const conf::Config& config, CertificateSet& certificates,
               const CertificateWish& wish, Complaints& complaints)
      : config_(config), certificates_(certificates), wish_(wish), complaints_(complaints) {}

  std::shared_ptr<const tls::ServerContext> make(const conf::Listener& listener,
                                                 const std::string& host) {
    tls::ServerOptions options{
        .certificates = certificates_of(listener, host, certificates_, complaints_),
        .ciphers = listener.ciphers.empty() ? config_.ciphers : listener.ciphers,
        .protocols = listener.protocols,
        .tickets = wish_.tickets};
    if (options.certificates.empty() || !choose_authorities(listener, options)) return nullptr;
    auto context = tls::ServerContext::make(std::move(options));
    if (context) return *context;
    complaints_.error(listener.position, context.error());
    return nullptr;
  }

 private:
  bool choose_authorities(const conf::Listener& listener, tls::ServerOptions& options) {
    if (!listener.verify_client && listener.ca == nullptr) return true;
    options.client_certificates =
        listener.verify_client ? tls::ClientCertificates::Required : tls::ClientCertificates::Asked;
    const std::string name = listener.ca == nullptr ? "" : listener.ca->name;
    auto& known = certificates_.authorities[name];
    if (!known && name.empty())
      known = load_authorities(system_authorities, listener.position, wish_, complaints_);
    options.client_authorities = known;
    return known != nullptr;
  }

  const conf::Config& config_;
  CertificateSet& certificates_;
  const CertificateWish& wish_;
  Complaints& complaints_;
};

}  // namespace

std::expected<std::shared_ptr<const tls::TrustStore>, std::string> KnownAuthorities::parse(
    const std::string& pem) {
  if (const auto known = stores_.find(pem); known != stores_.end()) return known->second;
  auto parsed = tls::TrustStore::parse(pem);
  if (!parsed) return parsed;
  // Few files are used at a time; one that has changed leaves its former text behind.
  if (stores_.size() >= stores_max) stores_.clear();
  stores_.emplace(pem, *parsed);
  return parsed;
}

CertificateSet load_certificates(const conf::Config& config, const CertificateWish& wish,
                                 std::vector<conf::Diagnostic>& diagnostics) {
  Complaints complaints(config, diagnostics);
  CertificateSet set;
  for (const auto& pki : config.pkis)
    set.pkis[pki->name] = load_pki(*pki, config.engine.keys_user, wish, complaints);
  for (const auto& ca : config.cas)
    set.authorities[ca->name] =
        load_authorities(ca->certificate_path, ca->position, wish, complaints);
  return set;
}

void make_contexts(const conf::Config& config, CertificateSet& certificates,
                   const CertificateWish& wish, std::vector<ListenAddress>& listeners,
                   std::vector<conf::Diagnostic>& diagnostics) {
  Complaints complaints(config, diagnostics);
  ContextMaker maker(config, certificates, wish, complaints);
  // By line and name: without `pki` the name says which certificate it is.
  std::map<std::pair<const conf::Listener*, std::string>, std::shared_ptr<const tls::ServerContext>>
      made;
  for (ListenAddress& listener : listeners) {
    if (listener.tls_mode == conf::TlsMode::Off) continue;
    const auto [known, is_new] = made.try_emplace({listener.source, listener.server_name});
    if (is_new) known->second = maker.make(*listener.source, listener.server_name);
    listener.tls = known->second;
  }
}

std::vector<CertificateEnd> certificate_ends(const conf::Config& config,
                                             const CertificateSet& certificates) {
  std::vector<CertificateEnd> ends;
  for (const auto& pki : config.pkis) {
    const auto found = certificates.pkis.find(pki->name);
    if (found != certificates.pkis.end() && found->second != nullptr)
      ends.push_back({pki->name, pki->certificate_path, found->second->not_after});
  }
  return ends;
}

std::uint64_t first_end(const CertificateSet& certificates) {
  std::uint64_t first = 0;
  for (const auto& [name, certificate] : certificates.pkis) {
    const auto end =
        static_cast<std::uint64_t>(std::max<std::int64_t>(certificate->not_after.seconds(), 1));
    first = first == 0 ? end : std::min(first, end);
  }
  return first;
}

std::vector<std::string> certificate_files(const conf::Config& config) {
  std::vector<std::string> paths;
  for (const auto& pki : config.pkis) paths.push_back(pki->certificate_path);
  for (const auto& ca : config.cas) paths.push_back(ca->certificate_path);
  std::ranges::sort(paths);
  const auto twice = std::ranges::unique(paths);
  paths.erase(twice.begin(), twice.end());
  return paths;
}

}  // namespace ringpost::mta
