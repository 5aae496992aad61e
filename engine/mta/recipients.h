// Recipients: from an address, or one of its deliveries, to what the spool keeps of it.
#pragma once

#include <memory>
#include <string>

#include "engine/mta/generation.h"
#include "engine/mta/worker_parts.h"
#include "engine/ring/task.h"
#include "proto/conf/expand.h"
#include "store/spool/envelope.h"

namespace ringpost::mta {

// All but what the sender said of the recipient (the accepted address, RFC 3461's wishes).
store::Recipient recipient_of(const conf::Delivery& delivery);

// What becomes of a recipient of mail that this daemon itself sends, with the null reverse path: to
// the rules it is local. Never Later; takes as long as its questions do.
ring::Task<conf::Expansion> expand_own(WorkerParts& parts,
                                       std::shared_ptr<const Generation> generation,
                                       std::string local, std::string domain);

}  // namespace ringpost::mta
