// RelayTls: with what servers are spoken to when a connection to them is encrypted: which
// authorities are believed, and what of ours they are shown, by action. Made with a generation;
// immutable.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/mta/certificates.h"
#include "engine/tls/client_context.h"
#include "proto/conf/config.h"

namespace ringpost::mta {

struct RelayTls {
  // Null while nothing is relayed.
  std::shared_ptr<const tls::ClientContext> usual;
  // Of actions that say more of it.
  std::map<std::string, std::shared_ptr<const tls::ClientContext>, std::less<>> by_action;

  // For a next hop with options of this action; empty: with none.
  const std::shared_ptr<const tls::ClientContext>& of(std::string_view action) const {
    const auto found = by_action.find(action);
    return found == by_action.end() ? usual : found->second;
  }
};

// A word that cannot be used is an error; a name that nothing has is a warning, as OpenSMTPD takes
// it, too.
RelayTls relay_tls_of(const conf::Config& config, const CertificateSet& certificates,
                      const CertificateWish& wish, std::vector<conf::Diagnostic>& diagnostics);

}  // namespace ringpost::mta
