// Senders of forwarded mail in our own name (SRS), and the way back: `srs key`, `srs ttl` and the
// option `srs` of a relay. What is not ours, or too old, is a recipient whom nobody knows.
#pragma once

#include <optional>
#include <string>

#include "engine/mta/generation.h"
#include "proto/conf/expand.h"
#include "proto/mail/srs.h"
#include "store/spool/envelope.h"

namespace ringpost::mta {

// Nothing without a key.
std::optional<mail::Srs> srs_of(const conf::SrsSettings& settings);

// The sender of a message that goes on to `recipient`: of the domain for which that was accepted.
// `sender` itself for reports, for its own domain, for a recipient who is still the one that was
// accepted, and where the new address would be too long.
std::string forwarded_sender(const Generation& generation, const std::string& sender,
                             const store::Recipient& recipient, WallTime now);

// conf::expand(), with reports to senders that we have rewritten on their way to those. What a
// report's sender pretends to have from us is Unknown, unless it is to be relayed as it is: others
// rewrite senders too.
conf::Expansion expand_recipient(const Generation& generation, const conf::SessionFacts& session,
                                 conf::AddressView recipient, conf::Lookups& lookups, WallTime now);

}  // namespace ringpost::mta
