// MailSigner: signs one message on its way into the spool: by DKIM for those whose mail it is (RFC
// 6376), or with an ARC set for mail of strangers that leaves again (RFC 8617). Looks at its
// content while that is written, then has digests signed by the key process; the fields belong in
// front of the content. Owner: a Transaction, on its core.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/mta/generation.h"
#include "engine/mta/worker_parts.h"
#include "engine/ring/timer.h"
#include "engine/tls/signer.h"
#include "proto/auth/arc_chain.h"
#include "scan/sign/arc_sealer.h"
#include "scan/sign/dkim_signer.h"
#include "scan/sign/line_ends.h"
#include "scan/sign/signing_content.h"

namespace ringpost::mta {

class MailSignerOwner {
 public:
  // The fields are there, or somebody who should have signed has not (false). Never from inside
  // sign() or seal(). The signer may be destroyed.
  virtual void mail_signed(bool is_done) = 0;

 protected:
  ~MailSignerOwner() = default;
};

// Whose a message is that is to be signed.
struct SigningClient {
  std::string_view user = {};  // as whom it is authenticated; empty: it is not
  std::string_view tag = {};   // of its listener
};

// The keys that sign a message of `client` whose From has these domains, each once: those of each
// author's domain, then those for any author. A user name with a domain speaks only for authors
// there and below, unless the line of a key names the user.
std::vector<const SigningKey*> choose_keys(const SigningKeys& keys, const SigningClient& client,
                                           const std::vector<std::string>& author_domains);

class MailSigner final : tls::SignJob {
 public:
  enum class Purpose : std::uint8_t { Dkim, Seal };
  // `generation` has keys for it.
  MailSigner(WorkerParts& parts, std::shared_ptr<const Generation> generation, Purpose purpose);
  ~MailSigner();
  MailSigner(const MailSigner&) = delete;
  MailSigner& operator=(const MailSigner&) = delete;

  // The next octets of the content as the spool has them.
  void take(Bytes octets) {
    if (line_ends_) line_ends_->take(octets);
    content_.take(octets);
  }
  // What was found out about the chain that the content came with; before seal().
  void know_chain(auth::ArcResult chain) { chain_ = std::move(chain); }
  Purpose purpose() const { return purpose_; }

  // The content is complete: one of these, once. False: nothing is to be signed, and the owner
  // hears nothing. With bare line ends nothing is, for the next server may change them.
  bool sign(const SigningClient& client, MailSignerOwner& owner);
  // `results`: what Authentication-Results, in front of the content, says of it; it bears
  // `authserv_id`.
  bool seal(std::string_view results, std::string authserv_id, MailSignerOwner& owner);

  // Somebody wants to stop: what is not signed within two seconds of now, or of the content's end,
  // is not signed. The owner hears it later, not from inside.
  void hurry();

  // Then, from top to bottom.
  const std::string& fields() const { return fields_; }
  // Domains and selectors of those who have signed, for the record of the decision.
  const std::vector<const SigningKey*>& signers() const { return keys_; }

 private:
  void signature_ready(std::expected<std::vector<std::byte>, Fault> signature) override;
  bool can_be_signed() const;
  void begin(MailSignerOwner& owner);
  void ask();
  void time_is_up();
  scan::UnsignedField next_field();
  void completed(std::string_view signature);
  void finish(bool is_done);

  WorkerParts& parts_;
  std::shared_ptr<const Generation> generation_;
  Purpose purpose_;
  auth::ArcResult chain_;
  scan::SigningContent content_;
  std::optional<scan::LineEnds> line_ends_;  // where bare ones are kept
  bool hurries_ = false;
  ring::TimerOf<MailSigner, &MailSigner::time_is_up> late_{*this};
  MailSignerOwner* owner_ = nullptr;
  std::vector<const SigningKey*> keys_;
  std::size_t next_ = 0;  // of keys_; with a seal, of its two signatures
  std::optional<scan::ArcSealer> sealer_;
  std::string message_field_;  // the first of a seal's
  scan::UnsignedField field_;
  std::string fields_;
};

}  // namespace ringpost::mta
