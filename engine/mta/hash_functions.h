// The hash functions of BoringSSL as proto/sasl wants them. They cannot fail.
#pragma once

#include "proto/sasl/hashing.h"

namespace ringpost::mta {

// Lives for ever.
const sasl::Hashing& hash_functions();

}  // namespace ringpost::mta
