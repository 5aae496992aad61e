// What decide() and expand() must ask the world: users, tables that are not in memory, files of
// users. They ask by value and never wait: an answer that is not there yet is Later, its owner
// finds it, remembers it for this recipient and calls again.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "proto/conf/table.h"

namespace ringpost::conf {

// What a table is asked for; each has its own form of key and value (smtpd-tables(7)).
enum class TableService : std::uint8_t {
  Alias,
  Domain,
  NetAddress,
  UserInfo,
  MailAddress,
  MailAddressMap,
  Credentials,
  Source,
  AddressName,
  RelayHost,
  String,
  Regex,
};

// A user of the system; `name` is lower case and without a sub-address.
struct UserQuestion {
  std::string name;
  bool operator==(const UserQuestion&) const = default;
};

// A key of a table whose backend is not Memory. The whole key, lower case: wildcards and prefixes
// are the backend's affair.
struct TableQuestion {
  const Table* table = nullptr;
  TableService service = TableService::String;
  std::string key;
  bool operator==(const TableQuestion&) const = default;
};

// The text of ~/.forward of a user, read with that user's rights. No such file, or no home folder,
// is NotFound; one that may not be trusted (owner, permissions, a link) and a home folder with the
// sticky bit are a TemporaryFailure with the reason.
struct ForwardQuestion {
  UserInfo user;
  bool operator==(const ForwardQuestion&) const = default;
};

// The text of a file of aliases, read with the rights of `user`; with an empty username as the
// daemon itself.
struct IncludeQuestion {
  std::string path;
  UserInfo user;
  bool operator==(const IncludeQuestion&) const = default;
};

using Question = std::variant<UserQuestion, TableQuestion, ForwardQuestion, IncludeQuestion>;

enum class AnswerState : std::uint8_t { Found, NotFound, Later, TemporaryFailure };

struct Answer {
  AnswerState state = AnswerState::Later;
  UserInfo user = {};     // of a UserQuestion
  std::string text = {};  // a table's value or a file's text; of a TemporaryFailure the reason
};

// The owner's side of the questions. Neither function waits.
class Lookups {
 public:
  virtual Answer ask(const Question& question) = 0;
  // True when one of the patterns of `table` matches somewhere in `text`.
  virtual bool matches_regex(const Table& table, std::string_view text) = 0;

 protected:
  ~Lookups() = default;
};

// For logs: "found", "not found", "failed".
std::string_view word_of(AnswerState state);
// For logs: "user alice", "table users key alice@example.org", "~/.forward of alice".
std::string describe(const Question& question);

}  // namespace ringpost::conf
