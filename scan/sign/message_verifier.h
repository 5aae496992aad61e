// MessageVerifier: checks all signatures of one message, DKIM and ARC together, in one pass over
// its content, of which it keeps only the header. RFC 6376 6, RFC 8617 5.2. Bounded: signatures
// beyond a number are not checked, and say so; work is linear in the content for each that is.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "proto/auth/arc_chain.h"
#include "proto/auth/auth_result.h"
#include "proto/auth/dkim_header.h"
#include "proto/auth/dns_memo.h"
#include "proto/base/clock.h"
#include "scan/sign/body_hashes.h"
#include "scan/sign/header_gatherer.h"
#include "scan/sign/key_cache.h"

namespace ringpost::scan {

// DKIM signatures of one message that are checked, the topmost ones.
inline constexpr std::size_t dkim_signatures_max = 10;
// A clock that is wrong by so much is a time zone, not a forgery.
inline constexpr Duration clock_leeway = seconds(12 * 3600);

// One message. Neither copied nor moved: it points into itself.
class MessageVerifier {
 public:
  MessageVerifier() = default;
  // With keys of others, which must stay as long as this does.
  explicit MessageVerifier(KeyCache& keys) : keys_(&keys) {}
  MessageVerifier(const MessageVerifier&) = delete;
  MessageVerifier& operator=(const MessageVerifier&) = delete;

  // The next octets of the content, cut anywhere, lines ended by CRLF.
  void take(Bytes octets);
  // At the end of the content, once; what follows is for afterwards.
  void finish();

  // The fields of the message; valid as long as this is.
  const auth::MessageHeader& header() const { return *header_; }
  // The header is larger than what is kept of it: what else it has, nobody knows here.
  bool header_is_cut() const { return gatherer_.is_cut(); }

  // Nothing: waits for the DNS. What is known once is not computed again. One result for each
  // DKIM-Signature, from the top down; none: the message is not signed.
  std::optional<std::vector<auth::DkimResult>> evaluate_dkim(auth::DnsMemo& dns, WallTime now);
  std::optional<auth::ArcResult> evaluate_arc(auth::DnsMemo& dns, WallTime now);

 private:
  struct Signed {
    auth::HeaderField field = {};
    auth::DkimSignature signature = {};
    std::size_t body_hash = 0;  // its place
  };
  struct Dkim {
    auth::DkimResult result = {};
    std::optional<Signed> checked = {};  // nothing: the result stands
  };
  // Why a signature is no pass; the reason is empty for a pass.
  struct Verdict {
    auth::Result result = auth::Result::Pass;
    std::string_view reason = {};
  };

  void plan();
  void plan_dkim();
  void plan_arc();
  Verdict check_without_key(const Signed& subject, WallTime now) const;
  std::optional<Verdict> check(const Signed& subject, auth::DnsMemo& dns, WallTime now);
  std::optional<Verdict> check_key(const auth::DkimSignature& signature, const Hash& hash,
                                   auth::DnsMemo& dns);
  Hash header_hash(const Signed& subject) const;
  bool leaves_from_unsigned(const auth::DkimSignature& signature) const;
  void conclude(Dkim& dkim, const Verdict& verdict) const;
  std::optional<Verdict> check_seals(auth::DnsMemo& dns);

  KeyCache own_keys_;
  KeyCache* keys_ = &own_keys_;
  HeaderGatherer gatherer_;
  std::optional<auth::MessageHeader> header_;
  BodyHashes body_;
  std::vector<Dkim> dkim_;
  std::optional<auth::ArcChain> chain_;  // sound, and not yet judged
  Signed chain_message_ = {};
  // The same without c= as RFC 8617 has it, simple/simple; above as the drafts of ARC had it.
  std::optional<Signed> other_reading_ = {};
  auth::ArcResult arc_ = {};
};

}  // namespace ringpost::scan
