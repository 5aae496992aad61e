// The command line of sendmail(8), as other mail systems have made programs expect it. Options that
// have no meaning here are taken and ignored; what is asked for and cannot be done is refused with
// a sentence.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "proto/smtp/dsn_parameters.h"

namespace ringpost::ctl {

enum class SendmailMode : std::uint8_t {
  Deliver,     // -bm: a message on standard input
  Dialogue,    // -bs: SMTP on standard input and output
  ListQueue,   // -bp, mailq
  NewAliases,  // -bi, newaliases
  Flush,       // -q
};

struct SendmailOptions {
  SendmailMode mode = SendmailMode::Deliver;
  std::vector<std::string> recipients;
  bool recipients_from_header = false;                         // -t
  bool dot_ends_input = true;                                  // -i, -oi: it does not
  bool verbose = false;                                        // -v
  std::optional<std::string> sender;                           // -f, -r
  std::optional<std::string> full_name;                        // -F
  smtp::NotifySet notify = {};                                 // -N
  smtp::ReturnContent ret = smtp::ReturnContent::Unspecified;  // -R
  std::string envelope_id;                                     // -V, as given
};

// `words` without the program's name.
std::expected<SendmailOptions, std::string> parse_sendmail(std::span<const std::string> words);

}  // namespace ringpost::ctl
