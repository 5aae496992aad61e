// The keys of a configuration: see signing_keys.h.
#include "engine/mta/signing_keys.h"

#include <map>

#include <fmt/format.h>

#include "proto/base/check.h"
#include "proto/conf/config.h"

namespace ringpost::mta {
namespace {

constexpr std::size_t complaints_max = 10;    // of a line
constexpr std::size_t name_octets_max = 253;  // of the DNS: no line has a longer one
// RFC 8301 3.2: signers use 2048 bits at least, verifiers must know keys up to 4096.
constexpr unsigned rsa_bits_least = 2048, rsa_bits_most = 4096;

// What is to be said of a key that signs all the same; empty: nothing.
std::string doubt_of(const process::LoadedKey& key, const std::string& path) {
  if (key.kind != process::KeyKind::Rsa) return {};
  if (key.bits < rsa_bits_least)
    return fmt::format("{}: an RSA key of {} bits is weak: use {} at least", path, key.bits,
                       rsa_bits_least);
  if (key.bits > rsa_bits_most)
    return fmt::format("{}: few can verify an RSA key of {} bits: use {} at most", path, key.bits,
                       rsa_bits_most);
  return {};
}

class KeyLoading {
 public:
  KeyLoading(const conf::Config& config, const KeyLookup& find_key,
             std::vector<conf::Diagnostic>& diagnostics)
      : config_(config), find_key_(find_key), diagnostics_(diagnostics) {}

  SigningKeys run() {
    for (const auto& line : config_.dkim_keys) add(*line);
    if (const auto& arc = config_.arc_key) {
      if (const auto& key = load(arc->key_path)) {
        keys_.seal = SigningKey{nullptr, arc->domain, arc->selector, *key};
        if (auto doubt = doubt_of(*key, arc->key_path); !doubt.empty())
          warn(arc->position, std::move(doubt));
      } else {
        complain(arc->position, key.error());
      }
    }
    return std::move(keys_);
  }

 private:
  void add(const conf::DkimKey& line) {
    std::size_t failed = 0, doubted = 0;
    for (std::string& domain : domains_of(line)) {
      const std::string path = key_path_of(line, domain);
      const auto& key = load(path);
      if (!key) {
        if (++failed <= complaints_max) complain(line.position, key.error());
        continue;
      }
      if (auto doubt = doubt_of(*key, path); !doubt.empty() && ++doubted <= complaints_max)
        warn(line.position, std::move(doubt));
      auto& keys = line.any_author ? keys_.any_author : keys_.by_domain[domain];
      keys.push_back({&line, std::move(domain), line.selector, *key});
      (line.simple_body ? keys_.wants_simple_body : keys_.wants_relaxed_body) = true;
    }
    if (failed > complaints_max)
      complain(line.position,
               fmt::format("{} more keys of this line cannot be used", failed - complaints_max));
    if (doubted > complaints_max)
      warn(line.position, fmt::format("{} more keys of this line are too small or too large",
                                      doubted - complaints_max));
  }

  const std::expected<process::LoadedKey, std::string>& load(const std::string& path) {
    const auto [known, is_new] = loaded_.try_emplace(path);
    if (!is_new) return known->second;
    CHECK(find_key_);
    auto& key = known->second;
    key = find_key_(path, config_.engine.keys_user);
    if (key && key->kind == process::KeyKind::Ecdsa)
      key = std::unexpected(
          fmt::format("{}: DKIM knows RSA and Ed25519 keys, and this is another one", path));
    return key;
  }

  void complain(const conf::Position& position, std::string text) {
    diagnostics_.push_back(config_.diagnostic_at(position, conf::Severity::Error, std::move(text)));
  }
  void warn(const conf::Position& position, std::string text) {
    diagnostics_.push_back(
        config_.diagnostic_at(position, conf::Severity::Warning, std::move(text)));
  }

  const conf::Config& config_;
  const KeyLookup& find_key_;
  std::vector<conf::Diagnostic>& diagnostics_;
  SigningKeys keys_;
  std::map<std::string, std::expected<process::LoadedKey, std::string>> loaded_;  // by path
};

}  // namespace

SigningKeys load_signing_keys(const conf::Config& config, const KeyLookup& find_key,
                              std::vector<conf::Diagnostic>& diagnostics) {
  return KeyLoading(config, find_key, diagnostics).run();
}

const std::vector<SigningKey>* SigningKeys::find(std::string_view domain) const {
  // Each step costs what is left of it, and who writes a header chooses how much that is.
  if (domain.size() > name_octets_max) return nullptr;
  while (!domain.empty()) {
    if (const auto found = by_domain.find(std::string(domain)); found != by_domain.end())
      return &found->second;
    const std::size_t dot = domain.find('.');
    if (dot == std::string_view::npos) return nullptr;
    domain.remove_prefix(dot + 1);
  }
  return nullptr;
}

}  // namespace ringpost::mta
