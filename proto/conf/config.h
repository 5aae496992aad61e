// Config: what an smtpd.conf says, checked and complete: an immutable value that every core may
// read. Made only by parse (proto/conf/parse.h); all pointers point into the same Config, which is
// not copied. Defaults are the named constants here.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "proto/base/clock.h"
#include "proto/conf/diagnostic.h"
#include "proto/conf/filter_config.h"
#include "proto/conf/format_specifier.h"
#include "proto/conf/net_address.h"
#include "proto/conf/sender_auth.h"
#include "proto/conf/signing.h"
#include "proto/conf/table.h"
#include "proto/dns/settings.h"

namespace ringpost::conf {

inline constexpr std::uint16_t smtp_port = 25;
inline constexpr std::uint64_t message_octets_max_default = 35ULL << 20;
inline constexpr std::uint32_t messages_per_session_max_default = 100;
inline constexpr std::uint32_t recipients_per_message_max_default = 1000;
inline constexpr std::uint32_t connections_max_default = 16'384;
inline constexpr std::uint32_t connections_per_address_max_default = 256;
inline constexpr std::uint32_t errors_per_session_max_default = 20;
inline constexpr std::uint32_t auth_failures_per_address_max_default = 20;
inline constexpr std::uint32_t auth_failures_per_account_max_default = 10;
inline constexpr Duration auth_failure_window_default = seconds(900);
inline constexpr Duration idle_timeout_default = seconds(300);  // RFC 5321 4.5.3.2.7
inline constexpr Duration session_timeout_default = seconds(3600);
inline constexpr char sub_address_delimiter_default = '+';
inline constexpr Duration warn_after_default = seconds(4 * 3600);
inline constexpr Duration queue_ttl_default = seconds(4 * 86'400);
inline constexpr Duration queue_retry_interval_default = seconds(10);
inline constexpr Duration srs_ttl_default = seconds(4 * 86'400);
inline constexpr std::uint64_t spool_segment_octets_default = 64ULL << 20;
inline constexpr std::uint64_t spool_decisions_octets_default = 64ULL << 20;
inline constexpr std::uint32_t spool_segments_ready_default = 4;
inline constexpr std::uint64_t spool_free_octets_min_default = 512ULL << 20;
inline constexpr std::uint32_t deliveries_max_default = 50;
inline constexpr std::uint32_t deliveries_per_user_max_default = 7;
inline constexpr std::uint32_t command_seconds_max_default = 300;
inline constexpr std::uint32_t command_seconds_most = 86'400;
inline constexpr const char* engine_user_default = "_ringpost";
inline constexpr const char* keys_user_default = "_ringkeys";
inline constexpr std::uint32_t cores_max = 256;

enum class TlsMode : std::uint8_t {
  Off,
  Offered,
  Required,
  Implicit
};  // `tls`, `tls-require`, `smtps`
enum class AuthMode : std::uint8_t { Off, Optional, Required };

// One `listen on`. The engine turns `source` into addresses: an interface, an address, a host name,
// "all" (every address of the machine), or, when is_socket, the local enqueue socket.
struct Listener {
  Position position = {};
  std::string source = {};
  bool is_socket = false;
  Family family = Family::Any;
  std::uint16_t port = smtp_port;
  std::string hostname = {};  // empty: Config::server_name
  std::string tag = {};       // empty: none
  TlsMode tls = TlsMode::Off;
  bool verify_client = false;         // `verify`: the client must show a certificate
  std::vector<const Pki*> pkis = {};  // by names of certificates
  const CertificateAuthority* ca = nullptr;
  std::string ciphers = {}, protocols = {};
  AuthMode auth = AuthMode::Off;
  const Table* credentials = nullptr;  // nullptr: the system's users
  const Table* senders = nullptr;      // as whom a user may send
  bool masquerade = false;
  const Table* hostnames = nullptr;  // greeting names by local address
  bool mask_source = false, no_dsn = false, received_auth = false, proxy_v2 = false;
  const Table* proxies = nullptr;  // `proxy-v2 from`; nullptr: every client is one
  const Filter* filter = nullptr;
  SenderAuth sender_auth = {};  // `dmarc`
};

enum class Method : std::uint8_t { Maildir, Mbox, Mda, Lmtp, ForwardOnly, ExpandOnly, Relay };

// `mda wrapper NAME COMMAND`; %{mda} in the command stands for the wrapped one.
struct MdaWrapper {
  std::string name;
  FormatString command;
};

// The options of `relay`.
struct RelaySettings {
  std::string helo = {};               // empty: the server's name
  const Table* helo_source = nullptr;  // `helo-src`: by source address
  const Table* hosts = nullptr;        // `host`: urls
  const Table* domains = nullptr;      // `domain`: urls by domain; never together with `host`
  const Table* auth = nullptr;         // by the label of a url
  const Table* sources = nullptr;      // `src`
  bool tls_required = false;           // `tls`
  bool verify = true;                  // false: `tls no-verify`
  bool srs = false;
  bool backup = false;
  std::string backup_name = {};  // `backup mx NAME`; empty: the server's name
  std::string pki = {}, ca = {}, ciphers = {}, protocols = {};
  std::string mail_from = {};
  const Filter* filter = nullptr;
};

// One `action NAME METHOD`.
struct Action {
  Position position;
  std::string name;
  Method method = Method::Maildir;
  FormatString path;               // Maildir: the folder; it starts with '/' or a home folder
  bool junk = false;               // Maildir: spam goes to the folder .Junk
  FormatString command;            // Mda
  std::string lmtp_destination;    // Lmtp: host:port, or the path of a socket
  bool lmtp_rcpt_to = false;       // Lmtp: RCPT TO is the recipient's address, not the user
  std::string user;                // deliver as this user; empty: as the recipient
  const Table* aliases = nullptr;  // `alias`; never together with `virtual`
  const Table* virtuals = nullptr;
  const Table* userbase = nullptr;      // nullptr: the system's users
  const MdaWrapper* wrapper = nullptr;  // around every command that delivers
  std::optional<Duration> ttl;          // nothing: Config::queue.ttl
  RelaySettings relay;                  // Relay
};

enum class FromKind : std::uint8_t { Any, Local, Socket, Source, ReverseName };
enum class ForKind : std::uint8_t { Any, Local, Domain };

// A test that holds or not by itself.
enum class Demand : std::uint8_t { None, Yes, No };

// One `match`, in the order of the file; the first whose tests all hold decides.
struct Rule {
  Position position = {};
  std::uint32_t number = 0;  // from 1, what logs and traces show
  FromKind from = FromKind::Local;
  ForKind for_ = ForKind::Local;
  // With FromKind::Source a table of addresses, with ReverseName perhaps one of names; negated
  // may be set without a table.
  TableTest from_test = {};
  TableTest for_test = {};  // with ForKind::Domain; negated likewise
  TableTest tag = {}, helo = {}, mail_from = {}, rcpt_to = {};
  Demand auth = Demand::None;  // is the client authenticated?
  TableTest auth_user = {};    // with auth: also as one of these users; `negated` is not used
  Demand tls = Demand::None;
  const Action* action = nullptr;  // null: reject
};

enum class BareNewline : std::uint8_t {
  Refuse,  // a bare CR or LF in content makes the message be refused
  Keep,    // it is kept as an octet of the line it stands in
};

struct SmtpSettings {
  std::uint64_t message_octets_max = message_octets_max_default;
  std::uint32_t messages_per_session_max = messages_per_session_max_default;
  std::uint32_t recipients_per_message_max = recipients_per_message_max_default;
  std::uint32_t connections_max = connections_max_default;
  std::uint32_t connections_per_address_max = connections_per_address_max_default;
  std::uint32_t errors_per_session_max = errors_per_session_max_default;
  std::uint32_t auth_failures_per_address_max = auth_failures_per_address_max_default;
  std::uint32_t auth_failures_per_account_max = auth_failures_per_account_max_default;
  Duration auth_failure_window = auth_failure_window_default;  // they fade within it
  Duration idle_timeout = idle_timeout_default;
  Duration session_timeout = session_timeout_default;
  BareNewline bare_newline = BareNewline::Refuse;
  char sub_address_delimiter = sub_address_delimiter_default;
};

struct QueueSettings {
  Duration ttl = queue_ttl_default;
  Duration retry_interval = queue_retry_interval_default;  // try n waits retry_interval * n * n
  bool compression = false;                                // kept, and without effect
  bool encryption = false;
  std::string encryption_key;  // of `queue encryption`; "stdin": asked for at the start
  std::vector<Duration> warn_after{warn_after_default};  // `bounce warn-interval`
};

// A KEY NUMBER of `mta limit` or `scheduler limit`, in the order of the file.
struct NamedLimit {
  std::string domain;  // of `mta limit for domain`; empty: every domain
  std::string key;
  std::int64_t value = 0;
};

struct MtaSettings {
  std::optional<std::int64_t> deferred_max;  // `max-deferred`
  std::vector<NamedLimit> limits;
  // The family of addresses to send from, for a domain or (empty) for all; the last one counts.
  std::vector<std::pair<std::string, Family>> families;
};

struct SrsSettings {
  std::string key, backup_key;  // empty: none
  Duration ttl = srs_ttl_default;
};

struct SpoolSettings {
  std::string path;  // absolute; empty: below the home folder or /var/spool/ringpost
  std::uint64_t segment_octets = spool_segment_octets_default;  // a multiple of 1 MiB
  std::uint32_t segments_ready = spool_segments_ready_default;  // zeroed in advance, per core
  std::uint64_t free_octets_min = spool_free_octets_min_default;
  std::uint64_t decisions_octets = spool_decisions_octets_default;  // of the records of decisions
};

struct EngineSettings {
  std::uint32_t cores = 0;                                // 0: as many as the process may use
  std::uint32_t deliveries_max = deliveries_max_default;  // `mda limit max-session`, in all
  std::uint32_t deliveries_per_user_max = deliveries_per_user_max_default;
  std::uint32_t command_seconds_max = command_seconds_max_default;
  std::string user = engine_user_default;     // whom the engine becomes when root starts the daemon
  std::string keys_user = keys_user_default;  // whom the key process becomes then
  std::string log_path;                       // absolute; empty: standard error
};

struct Config {
  std::vector<std::string> files;  // [0] the main file, then includes and table files
  std::string server_name;         // lower case, from ParseInput
  std::vector<Listener>
      listeners;  // at least one `listen on socket` is always there, perhaps implied
  std::vector<std::unique_ptr<const Table>> tables;
  std::vector<std::unique_ptr<const Pki>> pkis;
  std::vector<std::unique_ptr<const CertificateAuthority>> cas;
  std::vector<std::unique_ptr<const DkimKey>> dkim_keys;  // in the order of their lines
  std::optional<ArcKey> arc_key;
  std::vector<std::unique_ptr<const FilterProcess>> processes;
  std::vector<std::unique_ptr<const Filter>> filters;
  std::vector<std::unique_ptr<const MdaWrapper>> wrappers;
  std::vector<std::unique_ptr<const Action>> actions;
  std::vector<Rule> rules;
  SmtpSettings smtp;
  QueueSettings queue;
  MtaSettings mta;
  std::vector<NamedLimit> scheduler_limits;
  SrsSettings srs;
  std::optional<DmarcReports> dmarc_reports;
  std::string admd;     // the name of this domain in Authentication-Results; empty: server_name
  std::string ciphers;  // `smtp ciphers`, for listeners without their own
  SpoolSettings spool;
  EngineSettings engine;
  dns::ResolverSettings resolver;  // no servers: those of the system

  Config() = default;
  Config(const Config&) = delete;
  Config& operator=(const Config&) = delete;
  Config(Config&&) = default;
  Config& operator=(Config&&) = default;

  const Action* find_action(std::string_view name) const;
  const Table* find_table(std::string_view name) const;
  // How long a recipient of the action, if there is such a one, may wait in the queue.
  Duration time_to_live(std::string_view action) const;
  // What is found wrong at `position` after the parse; without the line's text.
  Diagnostic diagnostic_at(Position position, Severity severity, std::string text) const;
};

}  // namespace ringpost::conf
