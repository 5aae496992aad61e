// The three fields of a new ARC set: RFC 8617 5.1. Their tags stand in alphabetical order, so that
// the same message, key and time always give the same fields.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "proto/auth/arc_chain.h"
#include "scan/sign/signing_content.h"

namespace ringpost::scan {

struct SealWish {
  auth::Algorithm algorithm = auth::Algorithm::RsaSha256;
  std::string domain = {}, selector = {};
  std::string authserv_id = {};
  // What was found out about the message, as Authentication-Results says it; empty: it is taken
  // from such fields in the content.
  std::string results = {};
  std::vector<std::string> names = {};  // h= of ARC-Message-Signature, in lower case, with From
  std::uint64_t signed_at_s = 0;        // Unix time
};

// How one message is sealed, step by step: each field is signed before the next is made. The
// content, with relaxed form of the body, outlives it.
class ArcSealer {
 public:
  // `chain`: what was found out about the chain that the message came with. Nothing: it may not go
  // on, since it has failed before, or has 50 sets; or the header is too large.
  static std::optional<ArcSealer> begin(const SigningContent& content, const auth::ArcResult& chain,
                                        SealWish wish);

  // First the ARC-Message-Signature, then the ARC-Seal.
  UnsignedField message_field() const;
  // `message`: the field above, complete.
  UnsignedField seal_field(std::string message);
  // `seal`: the field above, complete. The set as it belongs on top of the message.
  std::string set(std::string_view seal) const;

 private:
  ArcSealer(const SigningContent& content, SealWish wish, unsigned instance,
            auth::ChainStatus status);

  const SigningContent* content_;
  SealWish wish_;
  unsigned instance_;
  auth::ChainStatus status_;
  std::string results_, message_;
};

// What our own Authentication-Results fields in a header say: the results of all that bear
// `authserv_id`, joined. Empty: there is none, or it says nothing.
std::string own_results(const auth::MessageHeader& header, std::string_view authserv_id);

}  // namespace ringpost::scan
