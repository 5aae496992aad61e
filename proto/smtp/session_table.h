// The one table of the dialogue: in which state which verb is admitted, and what it is told
// otherwise. RFC 5321 4.1.4 (order of commands), RFC 3030 section 2 (BDAT).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "proto/smtp/command.h"

namespace ringpost::smtp {

enum class State : std::uint8_t {
  Connected,    // banner sent, no HELO or EHLO yet
  Rejected,     // banner was 554: only QUIT is left
  Ready,        // greeted, no transaction
  Sender,       // MAIL accepted
  Recipients,   // at least one RCPT accepted
  Chunking,     // a first BDAT accepted, its last one not yet seen
  ChunkFailed,  // a BDAT failed: chunks in the pipeline are swallowed until LAST or RSET
};
inline constexpr std::size_t state_count = 7;

enum class Admission : std::uint8_t {
  Allow,
  NeedHello,
  NeedMail,
  NeedRecipient,
  NestedMail,
  InChunks,
  AfterFailedChunk,
  NeedTls,  // in no cell: what the listener demands is asked before the table
  InTransaction,
  Rejected,
  NotImplemented,
  Unknown,
};

namespace table {
using enum Admission;
using Row = std::array<Admission, verb_count>;

// RFC 5321 3.3: MAIL, then RCPT, then DATA; 503 to what comes out of this order.
// RFC 5321 4.2.4: 500 to a verb nobody knows, 502 to one that is known and not implemented.
// RFC 4954 4: AUTH is 503 in a transaction. RFC 3207 4: STARTTLS at any time after EHLO. Whether
// they are there at all is the owner's affair. Columns in the order of Verb: HELO EHLO MAIL RCPT
// DATA BDAT RSET NOOP QUIT VRFY EXPN HELP STARTTLS AUTH, and a verb that is not known.
inline constexpr std::array<Row, state_count> rows{{
    // Connected. RFC 5321 4.1.4: NOOP, HELP, EXPN, VRFY and RSET at any time.
    {Allow, Allow, NeedHello, NeedHello, NeedHello, NeedHello, Allow, Allow, Allow, Allow,
     NotImplemented, Allow, NeedHello, NeedHello, Unknown},
    // Rejected. RFC 5321 3.1: 503 to all but QUIT.
    {Rejected, Rejected, Rejected, Rejected, Rejected, Rejected, Rejected, Rejected, Allow,
     Rejected, Rejected, Rejected, Rejected, Rejected, Rejected},
    // Ready
    {Allow, Allow, Allow, NeedMail, NeedMail, NeedMail, Allow, Allow, Allow, Allow, NotImplemented,
     Allow, Allow, Allow, Unknown},
    // Sender
    {Allow, Allow, NestedMail, Allow, NeedRecipient, NeedRecipient, Allow, Allow, Allow, Allow,
     NotImplemented, Allow, Allow, InTransaction, Unknown},
    // Recipients
    {Allow, Allow, NestedMail, Allow, Allow, Allow, Allow, Allow, Allow, Allow, NotImplemented,
     Allow, Allow, InTransaction, Unknown},
    // Chunking. RFC 3030 section 2: DATA and BDAT do not mix.
    {Allow, Allow, NestedMail, InChunks, InChunks, Allow, Allow, Allow, Allow, Allow,
     NotImplemented, Allow, Allow, InTransaction, Unknown},
    // ChunkFailed
    {Allow, Allow, NestedMail, AfterFailedChunk, AfterFailedChunk, AfterFailedChunk, Allow, Allow,
     Allow, Allow, NotImplemented, Allow, Allow, InTransaction, Unknown},
}};
}  // namespace table

constexpr Admission admission(State state, Verb verb) {
  return table::rows[std::to_underlying(state)][std::to_underlying(verb)];
}

// What a verb that is not admitted is told.
ReplyView refusal(Admission admission);

}  // namespace ringpost::smtp
