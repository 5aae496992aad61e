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

// What a signature shall say. The SigningContent has the body's form.
struct DkimWish {
  auth::Algorithm algorithm = auth::Algorithm::RsaSha256;
  std::string domain = {}, selector = {};
  auth::Canonical header_form = auth::Canonical::Relaxed, body_form = auth::Canonical::Relaxed;
  Duration expires{};  // so long after it was made (x=); 0: never
};

// The fields that matter of this message, as h= has them, in lower case: each as often as it is
// there.
std::vector<std::string> names_present(const auth::MessageHeader& header);
// The same with those that matter most once more.
std::vector<std::string> names_to_sign(const auth::MessageHeader& header);

// To be signed by the key of `wish`. The message has a From field, or nobody believes it.
UnsignedField dkim_field(const SigningContent& content, const DkimWish& wish, WallTime now);

}  // namespace ringpost::scan
