// Generation: one configuration as the cores use it: the checked Config, what `local` means on this
// machine, and the limits of a session made from it. Immutable and shared; a session ends on the
// generation it began with.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "engine/mta/certificates.h"
#include "engine/mta/compiled_patterns.h"
#include "engine/mta/connection_counts.h"
#include "engine/mta/relay_tls.h"
#include "engine/mta/signing_keys.h"
#include "engine/net/address.h"
#include "engine/tls/server_context.h"
#include "proto/auth/suffix_list.h"
#include "proto/conf/config.h"
#include "proto/conf/ruleset.h"
#include "proto/dns/host_file.h"
#include "proto/dns/settings.h"
#include "proto/mail/srs.h"
#include "proto/sasl/attempt_counts.h"
#include "proto/smtp/server_session.h"

namespace ringpost::mta {

class TableSource;

// One address to listen on; several may come from one `listen on` line.
struct ListenAddress {
  net::Address address;
  std::string server_name;
  std::string tag;
  std::string interface_name;  // as written, for the log
  bool is_socket = false;      // the local socket: `address` means nothing
  bool withholds_dsn = false;  // `no-dsn`
  bool masks_source = false;   // `mask-src`: the Received field does not say where mail comes from
  bool behind_proxy = false;   // `proxy-v2`: a PROXY header comes before everything else
  const conf::Table* proxies = nullptr;  // who may send it; nullptr: everybody
  conf::TlsMode tls_mode = conf::TlsMode::Off;
  std::shared_ptr<const tls::ServerContext> tls = nullptr;  // unless Off
  const conf::Listener* source = nullptr;                   // the line it is from, in `config`
  std::string auth_mechanisms = {};  // offered under TLS, with blanks between

  const conf::Filter* filter() const { return source == nullptr ? nullptr : source->filter; }
};

struct Generation {
  conf::Config config;
  conf::LocalHost host;
  std::vector<ListenAddress> listeners;
  ListenAddress local;  // `listen on socket`, which is always there
  // Of tables that are not in memory, and of tables of patterns; keys point into `config`.
  std::unordered_map<const conf::Table*, std::shared_ptr<TableSource>> sources;
  std::unordered_map<const conf::Table*, CompiledPatterns> patterns;
  // The main file and what it includes, by path: what `update table` does not read anew.
  std::map<std::string, std::string> texts;
  CertificateSet certificates;
  SigningKeys signing;
  smtp::SessionLimits session_limits;
  ConnectionLimits connection_limits;
  sasl::AttemptLimits attempt_limits;
  dns::ResolverSettings resolver;
  // Where a listener checks senders; read anew with every load. Null: none does.
  std::shared_ptr<const auth::SuffixList> suffixes;
  dns::HostFile host_file;       // names that need no name server
  std::optional<mail::Srs> srs;  // nothing without a key
  RelayTls relay_tls;
  bool needs_client_name = false;  // a rule asks for it, so clients wait until it is known
};

// The limits of a session as the configuration sets them.
smtp::SessionLimits session_limits_of(const conf::Config& config);
// How often a client may fail to authenticate.
sasl::AttemptLimits attempt_limits_of(const conf::Config& config);
// Whether a connection to `address` would come back to us: one of an interface or of a listener.
bool is_own_address(const Generation& generation, const conf::NetAddress& address);
// Whether a rule tests the name of the client's address.
bool tests_client_name(const conf::Config& config);

}  // namespace ringpost::mta
