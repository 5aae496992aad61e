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

class KeyLoading {
 public:
  KeyLoading(const conf::Config& config, const KeyLookup& find_key,
             std::vector<conf::Diagnostic>& diagnostics)
      : config_(config), find_key_(find_key), diagnostics_(diagnostics) {}

  SigningKeys run() {
    for (const auto& line : config_.dkim_keys) add(*line);
    if (const auto& arc = config_.arc_key) {
      if (const auto& key = load(arc->key_path))
        keys_.seal = SigningKey{nullptr, arc->domain, arc->selector, *key};
      else
        complain(arc->position, key.error());
    }
    return std::move(keys_);
  }

 private:
  void add(const conf::DkimKey& line) {
    std::size_t failed = 0;
    for (std::string& domain : domains_of(line)) {
      const auto& key = load(key_path_of(line, domain));
      if (!key) {
        if (++failed <= complaints_max) complain(line.position, key.error());
        continue;
      }
      auto& keys = line.any_author ? keys_.any_author : keys_.by_domain[domain];
      keys.push_back({&line, std::move(domain), line.selector, *key});
      (line.simple_body ? keys_.wants_simple_body : keys_.wants_relaxed_body) = true;
    }
    if (failed > complaints_max)
      complain(line.position,
               fmt::format("{} more keys of this line cannot be used", failed - complaints_max));
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
