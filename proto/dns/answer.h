// Answer: what became of a question, as callers and the cache hold it; judge() finds it in one
// response. RFC 1034 3.6.2 (CNAME), RFC 2308 (negative answers), RFC 8020 (a name that is not). A
// response that answers nothing is its server's failure, never the caller's.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "proto/base/clock.h"
#include "proto/dns/message.h"

namespace ringpost::dns {

// CNAMEs that one question may lead through, in however many responses.
inline constexpr unsigned chain_links_max = 16;

enum class Outcome : std::uint8_t {
  Found,   // records of the type are there
  NoData,  // the name is there, the type is not
  NoName,  // the name does not exist (NXDOMAIN)
  Failed,  // nobody could say: a temporary failure
};

// Why nobody could say; of several servers what the last one did.
enum class Failure : std::uint8_t {
  None,
  Timeout,        // no answer in time
  Unreachable,    // the server's host or port refuses
  ServerFailure,  // SERVFAIL and whatever else is not NOERROR or NXDOMAIN
  Refused,        // REFUSED: the server does not serve us
  Lame,           // it neither knows the answer nor looks for it
  Malformed,      // octets that are no message
  LongChain,      // more than chain_links_max CNAMEs, or a loop of them
  Overload,       // a limit of ours
  NoServer,       // none is configured
};

struct Answer {
  Outcome outcome = Outcome::Failed;
  Failure failure = Failure::None;
  bool authentic = false;  // every response on the way had AD, from servers that are trusted
  Name owner = {};         // of the records: the question's name, or where its CNAMEs led
  std::vector<RecordData> records = {};  // of the question's type; Found: at least one
  Instant expires{};                     // what a cache may do with it
};
using AnswerPointer = std::shared_ptr<const Answer>;

struct Judgement {
  enum class Kind : std::uint8_t {
    Found,
    NoData,
    NoName,
    Elsewhere,  // CNAMEs lead to `owner`, of which the response says nothing: ask for it
    Failed,     // this server cannot answer; see `failure`
  };
  Kind kind = Kind::Failed;
  Failure failure = Failure::None;
  Name owner = {};
  std::vector<RecordData> records = {};
  std::optional<std::uint32_t> ttl_s = {};  // nothing: may not be kept
  unsigned links = 0;                       // CNAMEs followed
};

// `response` answers `asked` (its header and question were checked). Moves out of it.
Judgement judge(Message& response, const Question& asked);

std::string_view to_text(Failure failure);

}  // namespace ringpost::dns
