// From what a program gives sendmail(8), its arguments and a text, to a complete Submission (RFC
// 6409 8): recipients, sender, the fields that every message must have. Knows nothing of the
// machine but what ComposeInput says. What cannot be mended is refused with a sentence.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proto/base/clock.h"
#include "proto/submission/submission.h"

namespace ringpost::submission {

struct ComposeInput {
  std::string_view text;                // the message as it was given; lines end with LF or CRLF
  std::vector<std::string> recipients;  // of the command line; each may be a list
  bool recipients_from_header = false;  // -t: those of To, Cc and Bcc too
  std::optional<std::string> sender;    // -f: "" or "<>" is the null path
  std::string full_name;                // for a From field that is made; may be empty
  std::string user;                     // who calls
  std::string host;                     // what addresses without a domain get
  WallTime now;
  int zone_minutes = 0;      // east of UTC, for a Date field that is made
  std::uint64_t unique = 0;  // for a Message-ID field that is made: never the same twice
};

struct Complaint {
  enum class Kind : std::uint8_t { NoRecipients, BadAddress };
  Kind kind = Kind::BadAddress;
  std::string text;
};

// Without a sender, the first address of the From field is the sender, as in OpenSMTPD.
// Bcc, Resent-Bcc and Return-Path do not stay in the header. When there are Resent-To, -Cc or -Bcc,
// -t takes those alone (RFC 5322 3.6.6).
std::expected<Submission, Complaint> compose(const ComposeInput& input);

// Looks for the line with a single dot at which input may end, while the input grows.
class DotWatch {
 public:
  // `text` is all that was read so far: where the message ends, once that line has come. At the end
  // of the input the line needs no line end.
  std::optional<std::size_t> look(std::string_view text, bool at_end);

 private:
  std::size_t line_ = 0;  // begin of the first line that is not complete
};

// RFC 3461 4: `text` as xtext.
std::string xtext(std::string_view text);

}  // namespace ringpost::submission
