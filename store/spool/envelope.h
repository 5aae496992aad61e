// Envelope: all that the spool knows of a message besides its content (RFC 5321 2.3.1), and the
// list of extents that is its content. Its record is the commit: without it the message does not
// exist. decode_envelope() is strict and bounded, and gives nothing for octets that encode() cannot
// have made.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "proto/base/bytes.h"
#include "proto/base/clock.h"
#include "store/log/extent.h"
#include "store/spool/outcome.h"

namespace ringpost::store {

inline constexpr std::size_t envelope_recipients_max = 10'000;
inline constexpr std::size_t envelope_extents_max = 100'000;
inline constexpr std::size_t envelope_text_octets_max = 4'096;  // every single text field

enum class BodyType : std::uint8_t { SevenBit, EightBitMime, BinaryMime };  // RFC 6152, 3030
enum class DsnReturn : std::uint8_t { Unspecified, Full, Headers };         // RFC 3461 4.3

// RFC 3461 4.1; a set, 0 = NOTIFY was not given.
namespace notify {
inline constexpr std::uint8_t never = 1;
inline constexpr std::uint8_t success = 2;
inline constexpr std::uint8_t failure = 4;
inline constexpr std::uint8_t delay = 8;
}  // namespace notify

struct Recipient {
  std::string accepted_address;  // as the client gave it in RCPT
  std::string final_address;     // after aliases and virtual users: where it goes
  std::string original;          // ORCPT value, still in xtext form; empty: not given
  std::string action;            // name of the action of the configuration that delivers it
  std::string user;              // local user, empty for a relay
  std::string sub_address;       // "tag" of user+tag, or empty
  std::string target;  // "|COMMAND" or "/FILE" of an alias or .forward; empty: the action's
  std::uint8_t notify_flags = 0;
  RecipientProgress progress;
  bool operator==(const Recipient&) const = default;
};

struct Envelope {
  std::uint32_t generation = 0;  // counts relocations by the cleaner; the highest copy wins
  WallTime received{};           // when the message was accepted; retries and expiry count from it
  std::string reverse_path;      // without the angle brackets; empty: the null path
  std::string hello;             // argument of HELO or EHLO
  std::string client_address;    // IP address as text, without port; "local:UID" for the socket
  std::string client_name;       // reverse name, empty if none
  std::string listener_tag;
  std::string authenticated_user;
  std::string envelope_id;  // ENVID, still in xtext form (RFC 3461 4.4)
  BodyType body = BodyType::SevenBit;
  DsnReturn dsn_return = DsnReturn::Unspecified;
  bool smtputf8 = false;
  std::vector<Recipient> recipients;
  std::vector<Extent> extents;  // the content in order; the trace fields are the first
  bool operator==(const Envelope&) const = default;
};

// True when every count and length is inside the limits above; encode() CHECKs it.
bool is_within_limits(const Envelope& envelope);
std::uint64_t content_octets(const Envelope& envelope);

std::size_t encoded_octets(const Envelope& envelope);
// `room` holds exactly encoded_octets(envelope).
void encode(const Envelope& envelope, MutableBytes room);
std::optional<Envelope> decode_envelope(Bytes payload);

}  // namespace ringpost::store
