// ringpostctl as sendmail, mailq and newaliases: from words and standard input to an exit status of
// sysexits.h. Anything but 0 means that nobody gets the message; 0 that it is durable: with the
// daemon, or in the offline folder while there is none.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "engine/mta/home.h"
#include "engine/mta/submit.h"
#include "tools/ringpostctl/output.h"

namespace ringpost::ctl {

enum class Alias : std::uint8_t { Sendmail, Mailq, Newaliases };

// What a program's name, or a first word, asks for.
std::optional<Alias> alias_of(std::string_view name);

struct SendmailStreams {
  int in = 0;   // a message, or SMTP
  int out = 1;  // SMTP with -bs
};

// `words` without the program's name.
int run_sendmail(Alias alias, std::span<const std::string> words, const mta::Home& home,
                 const SendmailStreams& streams, const Output& output);

// sysexits.h for a reply that refused.
int exit_status_of(const smtp::ReplyView& reply);

}  // namespace ringpost::ctl
