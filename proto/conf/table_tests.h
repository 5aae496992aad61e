// TableTests: whether what is known of a session stands in a table, as `match` rules and filters
// test it. Restartable: a table that is not in memory is asked through Lookups, and the answer may
// be Later. Allocates nothing while every table is in memory. Used by any core.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "proto/conf/config.h"
#include "proto/conf/format_specifier.h"
#include "proto/conf/lookups.h"
#include "proto/conf/net_address.h"

namespace ringpost::conf {

// The name that the DNS has for the client's address (PTR), confirmed or not.
struct ClientNameView {
  // Does the name lead back to the address?
  enum class Confirmed : std::uint8_t { No, Yes, Unknown };

  std::string_view text = {};  // empty: there is none
  bool failed = false;         // nobody could say, for now
  Confirmed confirmed = Confirmed::No;
};

// One result of sender authentication; of DKIM there is one for each signature.
struct SenderFinding {
  FilterCondition method;        // one that is_of_results()
  std::string_view result = {};  // a word of RFC 8601
  std::string domain = {};       // of whom it speaks; empty: of nobody
};

// What is known of the session when somebody is judged; views live as long as the call.
struct SessionFacts {
  std::optional<NetAddress>
      client;             // nothing: the local enqueue socket; never an IPv4-mapped IPv6 address
  std::string_view tag;   // of the listener
  std::string_view helo;  // as the client gave it
  AddressView sender;     // both empty: the null reverse-path
  bool tls = false;       // the session is encrypted
  std::string_view user = {};       // as whom the client is authenticated; empty: not at all
  ClientNameView client_name = {};  // of the local socket: this machine's name
  std::span<const SenderFinding> findings = {};  // empty: the sender was not looked at
};

// Why there is no result: an answer is needed first, or cannot be had for now.
struct TestStop {
  std::optional<Question> waiting_for = {};  // nothing: a temporary failure
  std::string reason = {};                   // of the failure, for the log
};

// The results mean nothing once stop() is there: look at that first. The negation of a test is its
// caller's affair.
class TableTests {
 public:
  // All of it must stay while this is used.
  TableTests(const Config& config, const SessionFacts& session, Lookups& lookups)
      : config_(config), session_(session), lookups_(lookups) {}

  bool domain_is_in(const TableTest& test, std::string_view domain);
  bool address_is_in(const TableTest& test, AddressView address);
  bool text_is_in(const TableTest& test, std::string_view text);
  // The client's address; the word "local" for the local socket, and where `is_local` says so.
  bool source_is_in(const TableTest& test, bool is_local = false);
  // As whom the client is authenticated: a name with an '@' is a mail address, any other a text.
  bool user_is_in(const TableTest& test);

  void fail(std::string reason);
  std::optional<TestStop>& stop() { return stop_; }

 private:
  bool ask(const Table& table, TableService service, std::string_view key);

  const Config& config_;
  const SessionFacts& session_;
  Lookups& lookups_;
  std::optional<TestStop> stop_;
};

}  // namespace ringpost::conf
