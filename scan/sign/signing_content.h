// SigningContent: a message on its way to be signed: its header, and the digests of its body, from
// one pass over the content. RFC 6376 3.7. A header that is too large is signed by nobody.
#pragma once

#include <optional>

#include "proto/auth/dkim_header.h"
#include "scan/sign/body_hashes.h"
#include "scan/sign/header_gatherer.h"

namespace ringpost::scan {

// One message. Neither copied nor moved: it points into itself.
class SigningContent {
 public:
  SigningContent() = default;
  explicit SigningContent(auth::Canonical body_form) { want(body_form); }
  SigningContent(const SigningContent&) = delete;
  SigningContent& operator=(const SigningContent&) = delete;

  // A form of the body, before the first octet.
  void want(auth::Canonical body_form) { place_of(body_form) = body_.want(body_form, {}); }

  // The next octets of the content, cut anywhere, lines ended by CRLF.
  void take(Bytes octets);
  // At the end of the content, once; what follows is for afterwards.
  void finish();

  bool can_be_signed() const { return !gatherer_.is_cut(); }
  const auth::MessageHeader& header() const { return *header_; }
  // Of a form that was wanted: CHECKed.
  const Hash& body_hash(auth::Canonical form) const;

 private:
  std::optional<std::size_t>& place_of(auth::Canonical form) {
    return form == auth::Canonical::Simple ? simple_place_ : relaxed_place_;
  }

  HeaderGatherer gatherer_;
  BodyHashes body_;
  std::optional<std::size_t> simple_place_, relaxed_place_;
  std::optional<auth::MessageHeader> header_;
};

// A field that lacks only the signature in its b=. Who has the key signs the hash.
struct UnsignedField {
  std::string before = {}, after = {};  // what stands before and behind the value of b=
  Hash hash = {};
  bool fold = false;  // the value of b= in lines of its own

  // The whole field, CRLF at its end.
  std::string complete(std::string_view signature) const;
};

}  // namespace ringpost::scan
