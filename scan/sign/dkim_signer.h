// DKIM-Signature fields for a message, one for each key: RFC 6376 5, RFC 8463. Fields that matter
// are signed once more than they are there, so that nobody can add one (RFC 6376 8.15).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "proto/auth/dkim_signature.h"
#include "proto/base/clock.h"
#include "scan/sign/signing_content.h"

namespace ringpost::scan {

// What a signature shall say. The body's form is that of the SigningContent.
struct DkimWish {
  auth::Algorithm algorithm = auth::Algorithm::RsaSha256;
  std::string domain = {}, selector = {};
  auth::Canonical header_form = auth::Canonical::Relaxed, body_form = auth::Canonical::Relaxed;
};

// h= for this message, in lower case.
std::vector<std::string> names_to_sign(const auth::MessageHeader& header);

// To be signed by the key of `wish`. The message has a From field, or nobody believes it.
UnsignedField dkim_field(const SigningContent& content, const DkimWish& wish, WallTime now);

}  // namespace ringpost::scan
