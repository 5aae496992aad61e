// Certificates: what `pki` and `ca` lines name, read and checked, and the TLS contexts of listeners
// made from it. Blocks (files, the key process): for the start, `-n` and the control thread.
// Mistakes come back as diagnostics with their place.
#pragma once

#include <expected>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "engine/process/key.h"
#include "engine/tls/server_context.h"
#include "proto/base/fault.h"
#include "proto/conf/config.h"

namespace ringpost::mta {

struct ListenAddress;

// Which private key lies in the file at a path, or a sentence for the operator. Whoever holds it
// runs as the user given.
using KeyLookup = std::function<std::expected<process::LoadedKey, std::string>(
    const std::string& path, const std::string& user)>;

// All of a configuration, by the names in it.
struct CertificateSet {
  std::map<std::string, std::shared_ptr<const tls::Certificate>> pkis;
  std::map<std::string, std::shared_ptr<const tls::TrustStore>> authorities;
};

// Authorities as they were parsed, by the text of their file: that of the system has more than a
// hundred, which take longer to parse than all else of a load. Owner: who loads, one thread at a
// time.
class KnownAuthorities {
 public:
  std::expected<std::shared_ptr<const tls::TrustStore>, std::string> parse(const std::string& pem);

 private:
  static constexpr std::size_t stores_max = 8;
  std::map<std::string, std::shared_ptr<const tls::TrustStore>> stores_;
};

struct CertificateWish {
  std::function<std::expected<std::string, Fault>(const std::string&)> read;
  KeyLookup find_key;
  std::shared_ptr<const tls::TicketKeys> tickets;
  std::shared_ptr<KnownAuthorities> known_authorities;
  WallTime now{};
};

// Where the authorities are that everybody knows, for `verify` without a `ca`.
inline constexpr const char* system_authorities = "/etc/ssl/certs/ca-certificates.crt";
// One that ends within this time is told of.
inline constexpr Duration certificate_ends_soon = seconds(14 * 86'400);

// Every `pki` and `ca`.
CertificateSet load_certificates(const conf::Config& config, const CertificateWish& wish,
                                 std::vector<conf::Diagnostic>& diagnostics);

// Gives each listener with TLS its context; one for all addresses of a line.
void make_contexts(const conf::Config& config, CertificateSet& certificates,
                   const CertificateWish& wish, std::vector<ListenAddress>& listeners,
                   std::vector<conf::Diagnostic>& diagnostics);

struct CertificateEnd {
  std::string pki, file;
  WallTime end{};
};
// When each of `config` ends; those of one `pki` line have one file.
std::vector<CertificateEnd> certificate_ends(const conf::Config& config,
                                             const CertificateSet& certificates);

// When the first of them ends, in seconds since 1970; 0: there is none.
std::uint64_t first_end(const CertificateSet& certificates);

// The files that `pki` and `ca` lines name, except those of keys.
std::vector<std::string> certificate_files(const conf::Config& config);

}  // namespace ringpost::mta
