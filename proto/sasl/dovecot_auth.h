// Dovecot's authentication protocol, version 1, as a client of it without I/O: lines of words with
// tabs between. A server that breaks it, or speaks another version, ends the conversation: broken()
// says why.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proto/base/bytes.h"
#include "proto/base/secret.h"

namespace ringpost::sasl {

// A line of Dovecot's is bounded by this.
inline constexpr std::size_t dovecot_line_octets_max = 16'384;
inline constexpr std::size_t dovecot_mechanisms_max = 32;

// What it says of one request.
struct DovecotReply {
  enum class Kind : std::uint8_t { Accepted, Refused, TemporaryFailure, Continue };
  Kind kind = Kind::Refused;
  std::uint32_t id = 0;
  std::string user = {};       // Accepted: as whom; else perhaps
  std::string challenge = {};  // Continue: base64
};

struct DovecotRequest {
  std::uint32_t id = 0;
  std::string_view mechanism;
  std::string_view client_address = {};           // empty: none
  std::optional<std::string_view> response = {};  // base64, empty for an empty one
};

class DovecotAuth {
 public:
  // `process` is a number of ours that no other connection of this process to that server has.
  explicit DovecotAuth(std::uint32_t process);

  // True once it has introduced itself; requests are sent then and not earlier.
  bool ready() const { return ready_; }
  // The mechanisms it offers, in its order: without those that need a channel binding, a name
  // that no AUTH line could carry, or that let everybody in.
  const std::vector<std::string>& mechanisms() const { return mechanisms_; }

  void ask(const DovecotRequest& request);
  void give_up(std::uint32_t id);

  // What it said; all of it is taken.
  void receive(Bytes octets);
  std::optional<DovecotReply> next_reply();
  std::optional<std::string_view> broken() const;

  // Octets for it; wiped when they were sent, since passwords are among them.
  Secret take_output();

 private:
  void take_line(std::string_view line);
  void take_version(std::string_view rest);
  void take_reply(DovecotReply::Kind kind, std::string_view rest);
  void write(std::string_view text);

  std::string line_;
  Secret output_;
  std::vector<DovecotReply> replies_;
  std::size_t replies_given_ = 0;
  std::vector<std::string> mechanisms_;
  std::string broken_;
  bool version_seen_ = false;
  bool ready_ = false;
};

}  // namespace ringpost::sasl
