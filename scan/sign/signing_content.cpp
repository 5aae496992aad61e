// One pass for what signatures are made of: see signing_content.h. RFC 6376 3.7. Cannot fail.
#include "scan/sign/signing_content.h"

#include "proto/base/base64.h"
#include "proto/base/check.h"

namespace ringpost::scan {
namespace {

constexpr std::size_t octets_per_line = 72;

}  // namespace

void SigningContent::take(Bytes octets) {
  const Bytes body = gatherer_.take(octets);
  if (gatherer_.is_complete() && !body.empty()) body_.feed(body);
}

void SigningContent::finish() {
  header_.emplace(gatherer_.header());
  body_.finish();
}

const Hash& SigningContent::body_hash(auth::Canonical form) const {
  const auto& place = form == auth::Canonical::Simple ? simple_place_ : relaxed_place_;
  CHECK(place);
  return body_.hash(*place);
}

std::string UnsignedField::complete(std::string_view signature) const {
  const std::string encoded = base64_encode(signature);
  std::string field = before;
  for (std::size_t at = 0; at < encoded.size(); at += octets_per_line) {
    if (!fold) {
      field += encoded;
      break;
    }
    field += "\r\n\t";
    field += encoded.substr(at, octets_per_line);
  }
  field += after;
  field += "\r\n";
  return field;
}

}  // namespace ringpost::scan
