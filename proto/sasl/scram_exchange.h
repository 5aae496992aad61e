// SCRAM-SHA-256 and -PLUS as the server speaks them: RFC 5802, RFC 7677, channel bindings RFC 5929
// and RFC 9266. It never learns the password. Whatever is wrong with a user or a proof, the client
// is told the same, at the same step.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proto/sasl/hashing.h"
#include "proto/sasl/scram_keys.h"
#include "proto/sasl/step.h"

namespace ringpost::sasl {

inline constexpr std::size_t scram_message_octets_max = 4096;

// One kind of channel binding that the connection has.
struct ChannelBinding {
  std::string name;  // "tls-exporter"
  std::string data;
};

struct ScramSettings {
  const Hashing* hashing = nullptr;  // outlives the exchange
  bool plus = false;                 // SCRAM-SHA-256-PLUS was chosen
  bool plus_offered = false;         // so a client that could bind and did not was deceived
  std::vector<ChannelBinding> bindings = {};
  std::string nonce = {};  // of the server: random, printable, without a comma
};

class ScramExchange {
 public:
  explicit ScramExchange(ScramSettings settings) : settings_(std::move(settings)) {}

  // The client's first word: its initial response, if it gave one.
  Step begin(std::optional<std::string_view> initial);
  // The keys that were wanted. For a user that nobody knows, `known` is false and the keys are made
  // up, the same ones each time (RFC 5802 has no word for it; the salt would tell).
  Step found(ScramKeys keys, bool known);
  // What the client says to the last challenge.
  Step respond(std::string_view response);

 private:
  enum class At : unsigned char { First, Keys, Final, Acknowledgement, End };

  Step client_first(std::string_view message);
  Step client_final(std::string_view message);
  std::optional<Refusal> take_header(std::string_view header);
  bool binding_is(std::string_view octets) const;
  bool proof_holds(std::string_view proof, Bytes auth_message) const;
  Step refuse(Refusal reason);

  ScramSettings settings_;
  At at_ = At::First;
  std::string header_;      // gs2-header
  std::string first_bare_;  // client-first-message-bare
  std::string server_first_;
  std::string user_, identity_;
  std::string nonce_;  // both parts
  const ChannelBinding* binding_ = nullptr;
  ScramKeys keys_;
  bool known_ = false;
};

// A saslname, with its commas and equal signs put back (RFC 5802 5.1); nothing when it is none.
std::optional<std::string> unescape_saslname(std::string_view text);

}  // namespace ringpost::sasl
