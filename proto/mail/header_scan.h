// Looks through the header of a message while it streams by (RFC 5322 2.2): counts Received fields,
// notes which others are there, sees where the header ends. Any cutting of the octets gives the
// same answer.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "proto/base/bytes.h"

namespace ringpost::mail {

struct HeaderFields {
  bool date = false;
  bool message_id = false;
  bool from = false;

  constexpr bool operator==(const HeaderFields&) const = default;
};

class HeaderScan {
 public:
  // The next octets of the content, with dots undone. Costs nothing after the header.
  void scan(Bytes octets);

  // False from the empty line on, or from the first line that is neither a field nor its
  // continuation.
  bool is_in_header() const { return place_ != Place::Body; }
  std::uint32_t received_fields() const { return received_; }
  const HeaderFields& fields() const { return fields_; }

 private:
  enum class Place : std::uint8_t { LineStart, Name, BeforeColon, Rest, EmptyLine, Body };

  void step(char octet);
  void name_octet(char octet);
  void name_ended();

  std::uint32_t received_ = 0;
  HeaderFields fields_;
  Place place_ = Place::LineStart;
  bool after_cr_ = false;
  std::uint8_t name_octets_ = 0;  // 0xff: too long to be one we look for
  std::array<char, 10> name_{};   // "message-id" is the longest
};

}  // namespace ringpost::mail
