// ResultsRemover: takes Authentication-Results fields out of a message that say they are from us
// (RFC 8601 5), while it streams by. All other octets stay as they are, any cutting gives the same
// octets, and at most one field is held. Cannot fail.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "proto/base/bytes.h"

namespace ringpost::auth {

class ResultsRemover {
 public:
  // What is held of one field; of a longer one the rest shares the fate of what is known.
  static constexpr std::size_t field_octets_max = 16 * 1024;

  // `service`: our authserv-id, compared without case.
  explicit ResultsRemover(std::string service) : service_(std::move(service)) {}

  // Takes a prefix of the next octets of the content and appends what is left of it to `target`;
  // tells how much was taken: all of it until the header has ended, then nothing more.
  std::size_t edit(Bytes octets, std::string& target);
  // The content ends here. Only once, instead of further edit().
  void finish(std::string& target);
  // The header has ended.
  bool done() const { return done_; }
  // Fields taken out.
  unsigned removed() const { return removed_; }

 private:
  enum class Fate : std::uint8_t { Unknown, Pass, Drop };

  void line_ended(std::string_view line, std::string& target);
  void begin_field(std::string& target);
  void settle(std::string& target);

  std::string service_;
  std::string line_;  // under way
  std::string held_;  // of a field whose fate is not known
  Fate fate_ = Fate::Pass;
  bool in_long_line_ = false;
  bool done_ = false;
  unsigned removed_ = 0;
};

// Whether an Authentication-Results field with this value (RFC 8601 2.2) is from `service`, or
// could be read as if it were: a comment or a quoted string without an end before the name may be
// ended anywhere by who reads it. The value may be folded and have comments.
bool names_service(std::string_view value, std::string_view service);

}  // namespace ringpost::auth
