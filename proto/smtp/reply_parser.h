// Reads the replies of an SMTP or LMTP server, one at a time (RFC 5321 4.2, RFC 2034).
// Sans-IO and bounded: whatever comes, at most reply_line_kept_max + reply_text_octets_max are
// kept. A reply that breaks the grammar is Malformed, for good: the dialogue has lost its place.
#pragma once

#include <cstddef>
#include <string>

#include "proto/base/bytes.h"
#include "proto/smtp/reply.h"

namespace ringpost::smtp {

// RFC 5321 4.5.3.1.5 allows 512 octets; longer explanations are met in practice.
inline constexpr std::size_t reply_line_kept_max = 4096;
inline constexpr std::size_t reply_lines_max = 128;
// Text beyond this is dropped; the code and the end of the reply are still found.
inline constexpr std::size_t reply_text_octets_max = 8192;

class ReplyParser {
 public:
  enum class State { Incomplete, Complete, Malformed };

  // Takes a prefix of `octets`: up to the end of one reply, or all of it. After Complete the next
  // call begins a new reply; after Malformed everything is swallowed.
  std::size_t receive(Bytes octets);

  State state() const { return state_; }

  // What was read; once Complete, until the next receive(). Lines are separated by '\n', the
  // enhanced status is taken out of them, and control characters have become '?'.
  ReplyView reply() const { return {code_, enhanced_, text_}; }

 private:
  void start();
  void take_line(std::string_view line);
  void take_text(std::string_view text);

  State state_ = State::Incomplete;
  std::uint16_t code_ = 0;
  EnhancedStatus enhanced_;
  std::size_t lines_ = 0;
  std::string text_;
  std::string partial_;  // the start of a line that was cut
};

}  // namespace ringpost::smtp
