// DecisionRecord: why one message, or one step of a client, was accepted or refused. Encoded as
// tagged fields, so that a reader passes over what it does not know and an empty field costs
// nothing. decode() refuses what cannot be a record; it is never trusted with more than its octets.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "proto/base/bytes.h"
#include "proto/base/clock.h"
#include "proto/base/queue_id.h"
#include "proto/filter/vocabulary.h"

namespace ringpost::store {

// Where time goes, and where a refusal was said. Filters is the part of the others that was spent
// in waiting for filters; Content lasts from the answer to DATA to the last octet.
enum class Stage : std::uint8_t {
  Connect,
  Hello,
  Auth,
  Mail,
  Rcpt,
  Data,
  Content,
  Commit,
  Filters
};
inline constexpr std::array<std::string_view, 9> stage_words{
    "connect", "hello", "auth", "mail", "rcpt", "data", "content", "commit", "filters"};
constexpr std::string_view to_text(Stage stage) { return stage_words[std::to_underlying(stage)]; }

// What the DNS called the client.
enum class NameState : std::uint8_t {
  NotKnown,     // not asked, or no answer by then
  None,         // no name
  Confirmed,    // a name that leads back to the address
  Unconfirmed,  // one that does not
  Unchecked,    // one of which nobody could say
  Failed,       // nobody could say
};
inline constexpr std::size_t name_states = 6;

enum class DecisionVerdict : std::uint8_t { Accepted, Refused, Disconnected };
inline constexpr std::array<std::string_view, 3> verdict_words{"accepted", "refused",
                                                               "disconnected"};
constexpr std::string_view to_text(DecisionVerdict verdict) {
  return verdict_words[std::to_underlying(verdict)];
}

// A recipient and where in smtpd.conf the rule stands that decided about it: "12", or
// "other.conf:3"; empty: no rule did.
struct DecidedRecipient {
  std::string_view address = {};
  std::string_view rule = {};
  bool operator==(const DecidedRecipient&) const = default;
};

// What a filter said, or why it could not.
struct FilterSay {
  filter::Phase phase = filter::Phase::Connect;
  std::string_view filter = {};  // its name in smtpd.conf
  std::string_view word = {};    // "reject"
  std::string_view text = {};
  std::string_view reason = {};  // empty: it could
  bool operator==(const FilterSay&) const = default;
};

// Something that had to be asked for: a table, a user, a list in the DNS.
struct LookupMade {
  std::string_view what = {};     // "table users key alice"
  std::string_view outcome = {};  // "found"
  bool operator==(const LookupMade&) const = default;
};

// A word of RFC 8601: spf, pass, "example.org".
struct AuthenticationWord {
  std::string_view method = {};
  std::string_view result = {};
  std::string_view detail = {};
  bool operator==(const AuthenticationWord&) const = default;
};

// Of lists the first ones are kept, of texts the beginning.
inline constexpr std::size_t decided_recipients_max = 3;
inline constexpr std::size_t filter_says_max = 8;
inline constexpr std::size_t lookups_made_max = 6;
inline constexpr std::size_t authentication_words_max = 8;
inline constexpr std::size_t decision_name_octets_max = 80;  // addresses and names of hosts
inline constexpr std::size_t decision_text_octets_max = 48;  // what filters and lookups say
inline constexpr std::size_t decision_reply_octets_max = 120;
inline constexpr std::size_t decision_octets_max = 5120;  // more than all of it together

// Views live as long as what the record was made of, or decoded from.
struct DecisionRecord {
  QueueId id{};               // of the message, or of the refusal: what the token is made of
  std::uint64_t session = 0;  // as the log calls it
  WallTime at{};
  DecisionVerdict verdict = DecisionVerdict::Accepted;
  Stage stage = Stage::Commit;
  bool is_junk = false;
  std::uint16_t code = 0;
  std::string_view reply = {};  // its text, with the enhanced status
  std::string_view client = {};
  NameState name_state = NameState::NotKnown;
  std::string_view client_name = {};
  std::string_view listener = {};
  std::string_view tag = {};
  std::string_view hello = {};
  std::string_view tls = {};
  std::string_view user = {};
  bool has_sender = false;  // MAIL was said
  std::string_view sender = {};
  std::uint32_t recipients_accepted = 0;
  std::vector<DecidedRecipient> recipients = {};  // of those
  DecidedRecipient refused = {};                  // at rcpt
  std::vector<FilterSay> says = {};
  std::vector<LookupMade> lookups = {};
  std::vector<AuthenticationWord> authentication = {};
  std::array<std::uint32_t, stage_words.size()> spent_us = {};
  std::uint64_t content_octets = 0;

  bool operator==(const DecisionRecord&) const = default;
};

// As a new one, but its lists keep their room.
void clear(DecisionRecord& record);

// How many octets were written; `room` has decision_octets_max.
std::size_t encode(const DecisionRecord& record, MutableBytes room);
// Into `record`, whose lists keep their room. False: it is none.
bool decode(Bytes octets, DecisionRecord& record);

// The beginning of `text`, not more than this many octets, without half a character.
std::string_view cut(std::string_view text, std::size_t octets_max);

}  // namespace ringpost::store
