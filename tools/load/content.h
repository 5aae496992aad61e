// The messages that ringpost-load sends: prepared once, sent from where they lie by every thread.
// Only the first header fields differ from one message to the next; they carry the id by which a
// message can be found again.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <sys/uio.h>

#include "proto/base/clock.h"

namespace ringpost::load {

// Which message this is: unique over runs, connections and time. `slot` numbers the connections
// that are open at the same time, `sequence` the messages that one slot has sent.
struct MessageId {
  std::uint32_t run = 0;
  std::uint32_t slot = 0;
  std::uint64_t sequence = 0;
};

// run-slot-sequence, as it stands in the X-Ringpost-Load field and in the ledger.
std::string to_text(const MessageId& id);

// Appends the header fields that carry `id` and when its content was sent, on the monotonic clock:
// always id_fields_octets of them.
void append_id_fields(std::string& target, const MessageId& id, Instant sent);
inline constexpr std::size_t id_fields_octets = 148;

// The fields' names; arrival.h reads them again.
inline constexpr std::string_view id_field = "X-Ringpost-Load";
inline constexpr std::string_view sent_field = "X-Ringpost-Sent";

// The smallest message that holds the header.
inline constexpr std::uint64_t message_octets_min = 512;

// `pattern` with every "%d" replaced by `number`.
std::string numbered_recipient(std::string_view pattern, std::uint64_t number);

// `text` as SMTP has it: every line ended by CRLF, the last one too.
std::string with_smtp_line_ends(std::string_view text);

// What follows the id fields in a message of `octets` in all, headers included.
class Content {
 public:
  Content(std::uint64_t octets, std::string_view sender, std::string_view recipient, WallTime date);
  // A whole message, sent as it is and without an id: with every line end CRLF, one at its end.
  explicit Content(std::string message);

  bool has_id() const { return has_id_; }
  std::uint64_t octets() const { return raw_.size() + (has_id_ ? id_fields_octets : 0); }
  // As it is, for BDAT.
  iovec raw() const { return {raw_.data(), raw_.size()}; }
  // Dots stuffed and ended, for DATA.
  iovec encoded() const { return {encoded_.data(), encoded_.size()}; }

 private:
  void encode();

  // Never changed after construction; mutable because an iovec, which serves both directions, has
  // no const.
  mutable std::string raw_;
  mutable std::string encoded_;
  bool has_id_ = true;
};

}  // namespace ringpost::load
