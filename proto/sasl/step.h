// What the server side of an exchange wants next of its owner. A closed set: std::visit names every
// case.
#pragma once

#include <cstdint>
#include <string>
#include <variant>

#include "proto/base/secret.h"

namespace ringpost::sasl {

// Send this to the client, and give its response back.
struct Challenge {
  std::string octets;
};

// The exchange is over: accept the client as `user` if the password is that user's.
struct PasswordGiven {
  std::string user;
  Secret password;
};

// SCRAM: find the keys of `user`, and go on with them.
struct KeysWanted {
  std::string user;
};

// The exchange is over: the client has proved to be `user`.
struct Proved {
  std::string user;
};

enum class Refusal : std::uint8_t {
  Malformed,         // no message of the mechanism: 501
  WrongCredentials,  // 535
  OtherIdentity,     // to act as somebody else is not possible: 535
  NoChannelBinding,  // not the channel that the client means, or none: 535
};

// The exchange is over.
struct Refused {
  Refusal reason = Refusal::WrongCredentials;
  std::string user = {};  // as far as it is known
};

using Step = std::variant<Challenge, PasswordGiven, KeysWanted, Proved, Refused>;

}  // namespace ringpost::sasl
