// TableClient: our side of smtpd-tables(7), protocol 0.1: lines between us and a program that
// answers for a table. Sans-IO. The program is part of the operator's configuration but not
// trusted: what it says beyond the protocol ends the dialogue with a reason, and its owner starts
// it anew.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "proto/base/clock.h"

namespace ringpost::table {

inline constexpr std::size_t reply_line_octets_max = 65'536;
inline constexpr std::size_t key_octets_max = 1024;
inline constexpr std::size_t services_max = 64;  // that a program may register

enum class Operation : std::uint8_t {
  Update,  // read your data anew
  Check,   // is the key there?
  Lookup,  // what is its value?
};

enum class ReplyState : std::uint8_t { Found, NotFound, Error };

struct TableReply {
  std::uint64_t id = 0;
  ReplyState state = ReplyState::Error;  // of an Update: Found when it was done
  std::string text = {};                 // Found: the value of a Lookup; Error: what went wrong
};

class TableClient {
 public:
  enum class State : std::uint8_t {
    Handshake,  // the program has not yet said what it serves
    Ready,      // it may be asked
    Broken,     // it broke the protocol: error() says how; nothing more will come
  };

  // `table_name` is what the program hears; characters that the protocol cannot carry become '_'.
  // The handshake is ready to be sent at once.
  explicit TableClient(std::string_view table_name);

  State state() const { return state_; }
  const std::string& error() const { return error_; }
  // After the handshake: whether the program has registered `service` ("alias", "domain", …).
  bool serves(std::string_view service) const;

  // Only when Ready. The number of the request, or nothing when the key cannot stand in a line:
  // then no table of this kind can hold it. Any number of requests may be under way.
  std::optional<std::uint64_t> ask(Operation operation, std::string_view service,
                                   std::string_view key, WallTime now);
  std::optional<std::uint64_t> update(WallTime now) { return ask(Operation::Update, {}, {}, now); }

  // What has to be sent to the program; transmitted() says how much of it was.
  std::string_view transmit() const { return std::string_view(output_).substr(sent_); }
  void transmitted(std::size_t octets);

  // Octets of the program, cut anywhere.
  void receive(std::string_view octets);
  // Replies in the order in which they came.
  std::optional<TableReply> next_reply();

 private:
  void take_line(std::string_view line);
  void take_registration(std::string_view line);
  void take_reply(std::string_view line);
  void break_off(std::string text);

  std::string table_name_;
  State state_ = State::Handshake;
  std::string error_;
  std::vector<std::string> services_;
  std::uint64_t last_id_ = 0;
  std::unordered_map<std::uint64_t, Operation> asked_;
  std::deque<TableReply> replies_;
  std::string input_;  // the beginning of a line
  std::string output_;
  std::size_t sent_ = 0;
};

}  // namespace ringpost::table
