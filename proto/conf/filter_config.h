// What smtpd.conf says about keys, certificates, filters and their processes: values of Config, for
// the parts that will act on them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proto/base/clock.h"
#include "proto/conf/diagnostic.h"
#include "proto/conf/native_filter.h"
#include "proto/conf/table.h"
#include "proto/filter/vocabulary.h"

namespace ringpost::conf {

// `dhe`: Diffie-Hellman parameters for old clients.
enum class DheMode : std::uint8_t { None, Auto, Legacy };

// `pki NAME`: both paths are there.
struct Pki {
  Position position;
  std::string name;  // lower case; "*" for all
  std::string certificate_path, key_path;
  DheMode dhe = DheMode::None;
};

// `ca NAME`
struct CertificateAuthority {
  Position position;
  std::string name;  // lower case; "*" for all
  std::string certificate_path;
};

inline constexpr Duration filter_answer_max_default = seconds(60);

// `proc NAME` and the process of `filter NAME proc-exec`.
struct FilterProcess {
  Position position;
  std::string name;
  std::string command;
  std::string user, group, chroot;  // empty: none
  bool fail_open = false;           // without an answer sessions go on, as if it were not there
  Duration answer_max = filter_answer_max_default;  // `answer-timeout`
};

enum class FilterKind : std::uint8_t { Builtin, Process, Chain, Native };
enum class FilterCondition : std::uint8_t {
  Fcrdns,
  Rdns,
  Source,
  Auth,
  Helo,
  MailFrom,
  RcptTo,
  // Results of sender authentication: in the phase commit only.
  Spf,
  Dkim,
  Dmarc,
  Arc,
  Iprev,
};

constexpr bool is_of_results(FilterCondition condition) {
  return condition >= FilterCondition::Spf;
}

// One `filter NAME`, or a chain in braces, whose name is empty.
struct Filter {
  Position position;
  std::string name;
  FilterKind kind = FilterKind::Builtin;
  // Builtin. `test.table` is null where the condition stands alone (`rdns`, `!fcrdns`, `auth`).
  filter::Phase phase = filter::Phase::Connect;
  FilterCondition condition = FilterCondition::Fcrdns;
  TableTest test;     // of results: their words
  TableTest domains;  // of results: whose they must be; `table` is null for anybody's
  FilterDecision decision = FilterDecision::Reject;
  std::string text;                        // of the decision; empty with Junk and Bypass
  const FilterProcess* process = nullptr;  // Process
  std::vector<const Filter*> chain;        // Chain: not empty
  std::optional<NativeSettings> native;    // Native
};

}  // namespace ringpost::conf
