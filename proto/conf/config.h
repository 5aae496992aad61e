// Config: what an smtpd.conf says, checked and complete: an immutable value that every core may
// read. Made only by parse (proto/conf/parse.h); all pointers point into the same Config, which is
// not copied. Defaults are the named constants here.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "proto/base/clock.h"
#include "proto/conf/diagnostic.h"
#include "proto/conf/format_specifier.h"
#include "proto/conf/net_address.h"
#include "proto/conf/table.h"

namespace ringpost::conf {

inline constexpr std::uint16_t smtp_port = 25;
inline constexpr std::uint64_t message_octets_max_default = 35ULL << 20;
inline constexpr std::uint32_t messages_per_session_max_default = 100;
inline constexpr std::uint32_t recipients_per_message_max_default = 1000;
inline constexpr std::uint32_t connections_max_default = 16'384;
inline constexpr std::uint32_t connections_per_address_max_default = 256;
inline constexpr std::uint32_t errors_per_session_max_default = 20;
inline constexpr Duration idle_timeout_default = seconds(300);  // RFC 5321 4.5.3.2.7
inline constexpr Duration session_timeout_default = seconds(3600);
inline constexpr char sub_address_delimiter_default = '+';
inline constexpr Duration queue_ttl_default = seconds(4 * 86'400);
inline constexpr Duration queue_retry_interval_default = seconds(10);
inline constexpr std::uint64_t spool_segment_octets_default = 64ULL << 20;
inline constexpr std::uint32_t spool_segments_ready_default = 4;
inline constexpr std::uint64_t spool_free_octets_min_default = 512ULL << 20;
inline constexpr std::uint32_t deliveries_max_default = 50;
inline constexpr std::uint32_t cores_max = 256;

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
};

// One `action NAME maildir`: the only method there is yet.
struct Action {
  Position position;
  std::string name;
  FormatString path;  // the folder; relative to nothing: it starts with '/' or a home folder
  std::string user;   // deliver as this user; empty: as the recipient
  const Table* aliases = nullptr;  // `alias`; never together with `virtual`
  const Table* virtuals = nullptr;
  const Table* userbase = nullptr;  // nullptr: the system's users
  std::optional<Duration> ttl;      // nothing: Config::queue.ttl
};

enum class FromKind : std::uint8_t { Any, Local, Socket, Source };
enum class ForKind : std::uint8_t { Any, Local, Domain };

// A test of a rule that looks a value up in a table; absent when `table` is null.
struct TableTest {
  const Table* table = nullptr;
  bool negated = false;
};

// One `match`, in the order of the file; the first whose tests all hold decides.
struct Rule {
  Position position = {};
  std::uint32_t number = 0;  // from 1, what logs and traces show
  FromKind from = FromKind::Local;
  ForKind for_ = ForKind::Local;
  bool from_negated = false;
  bool for_negated = false;
  const Table* from_table = nullptr;  // with FromKind::Source
  const Table* for_table = nullptr;   // with ForKind::Domain
  TableTest tag = {}, helo = {}, mail_from = {}, rcpt_to = {};
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
  Duration idle_timeout = idle_timeout_default;
  Duration session_timeout = session_timeout_default;
  BareNewline bare_newline = BareNewline::Refuse;
  char sub_address_delimiter = sub_address_delimiter_default;
};

struct QueueSettings {
  Duration ttl = queue_ttl_default;
  Duration retry_interval = queue_retry_interval_default;  // try n waits retry_interval * n * n
};

struct SpoolSettings {
  std::string path;  // absolute; empty: below the home folder or /var/spool/ringpost
  std::uint64_t segment_octets = spool_segment_octets_default;  // a multiple of 1 MiB
  std::uint32_t segments_ready = spool_segments_ready_default;  // zeroed in advance, per core
  std::uint64_t free_octets_min = spool_free_octets_min_default;
};

struct EngineSettings {
  std::uint32_t cores = 0;                                // 0: as many as the process may use
  std::uint32_t deliveries_max = deliveries_max_default;  // `mda limit max-session`, in all
  std::string log_path;                                   // absolute; empty: standard error
};

struct Config {
  std::vector<std::string> files;  // [0] the main file, then includes and table files
  std::string server_name;         // lower case, from ParseInput
  std::vector<Listener>
      listeners;  // at least one `listen on socket` is always there, perhaps implied
  std::vector<std::unique_ptr<const Table>> tables;
  std::vector<std::unique_ptr<const Action>> actions;
  std::vector<Rule> rules;
  SmtpSettings smtp;
  QueueSettings queue;
  SpoolSettings spool;
  EngineSettings engine;

  Config() = default;
  Config(const Config&) = delete;
  Config& operator=(const Config&) = delete;
  Config(Config&&) = default;
  Config& operator=(Config&&) = default;

  const Action* find_action(std::string_view name) const;
  const Table* find_table(std::string_view name) const;
};

}  // namespace ringpost::conf
