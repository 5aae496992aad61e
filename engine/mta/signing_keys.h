// SigningKeys: the keys of `dkim` and `arc` lines as the cores use them: where the key process has
// which, by domain. Part of a Generation: immutable, shared.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "engine/mta/certificates.h"
#include "engine/process/key.h"
#include "proto/conf/signing.h"

namespace ringpost::mta {

struct SigningKey {
  const conf::DkimKey* line = nullptr;  // null: of `arc`
  std::string domain = {}, selector = {};
  process::LoadedKey key = {};  // RSA or Ed25519
};

struct SigningKeys {
  // In the order of their lines; those of `any_author` are not among them.
  std::unordered_map<std::string, std::vector<SigningKey>> by_domain;
  std::vector<SigningKey> any_author;
  std::optional<SigningKey> seal;
  bool wants_simple_body = false, wants_relaxed_body = false;  // of `dkim` lines

  bool signs() const { return !by_domain.empty() || !any_author.empty(); }
  // Those for an author at `domain` (lower case, A-labels): of the longest domain that it is or is
  // below of. Null: there are none, or it is longer than a name of the DNS.
  const std::vector<SigningKey>* find(std::string_view domain) const;
};

// Has every key of `config` found, each file once. Blocks. What is wrong is told with its line, RSA
// keys of an odd size by a warning; of a table with many mistakes the first ones. The config's
// lines are pointed to and stay where they are.
SigningKeys load_signing_keys(const conf::Config& config, const KeyLookup& find_key,
                              std::vector<conf::Diagnostic>& diagnostics);

}  // namespace ringpost::mta
