// The header of a submitted message while it streams by (RFC 6409 8): Bcc leaves it, addresses
// without a domain get one, Date and Message-ID are added where they are missing, and From names
// the sender where that is demanded. All other octets stay as they are. Any cutting gives the same
// octets; what is kept of a message is at most one field. Cannot fail.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "proto/base/bytes.h"
#include "proto/base/clock.h"

namespace ringpost::submission {

// A field of addresses that is longer passes as it is; a From that must name the sender is
// replaced.
inline constexpr std::size_t edited_field_octets_max = std::size_t{128} * 1024;

struct HeaderEdits {
  std::string host;    // what addresses without a domain get, and a Message-ID that is made
  std::string author;  // the address that From shows instead of its own; empty: as it is
  WallTime now{};
  std::uint64_t unique = 0;  // for a Message-ID, never the same twice
};

class HeaderEditor {
 public:
  explicit HeaderEditor(HeaderEdits edits) : edits_(std::move(edits)) {}

  // Takes a prefix of the next octets of the content and appends to `target` what becomes of it;
  // tells how much that was. All of it until the header has ended, then nothing more: what is left,
  // and all that comes later, stays as it is.
  std::size_t edit(Bytes octets, std::string& target);
  // The content ends here. Only once, instead of further edit().
  void finish(std::string& target);
  // The header has ended.
  bool done() const { return place_ == Place::Body; }

 private:
  enum class Place : std::uint8_t { LineStart, Name, BeforeColon, Value, EmptyLine, Body };
  enum class Fate : std::uint8_t { Pass, Drop, Complete, Author };

  bool step(char octet, std::string& target);
  bool begin_line(char octet, std::string& target);
  bool name_octet(char octet, std::string& target);
  void name_ended(std::string& target);
  void take_value(std::string_view text, std::string& target);
  void let_go(std::string_view text, std::string& target);
  void end_field(std::string& target);
  void add_missing(std::string& target);
  void end_header_before_text(std::string& target);

  HeaderEdits edits_;
  Place place_ = Place::LineStart;
  Fate fate_ = Fate::Pass;  // of the field under way
  bool after_cr_ = false;
  bool has_date_ = false, has_message_id_ = false;
  std::size_t name_octets_ = 0;  // in front of held_, with the colon
  std::string held_;             // what may be a name, or a field that may be changed
};

}  // namespace ringpost::submission
