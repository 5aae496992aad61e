// SenderCheck: whether one message is from whom it says, by SPF, DKIM, DMARC and ARC: looks at its
// content while that streams by, asks the DNS meanwhile, and says what is to be done with it. What
// the DNS does not say in time is a temporary error, and speaks against nobody. Owner: an Inbound,
// on its core.
#pragma once

#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/mta/generation.h"
#include "engine/mta/resolver.h"
#include "engine/mta/worker_parts.h"
#include "proto/auth/dmarc.h"
#include "proto/auth/dns_memo.h"
#include "proto/auth/spf.h"
#include "scan/sign/message_verifier.h"

namespace ringpost::mta {

class SenderCheckOwner {
 public:
  // Everything is known. Once, perhaps from inside finish(). The check may be destroyed.
  virtual void sender_checked() = 0;

 protected:
  ~SenderCheckOwner() = default;
};

class SenderCheck final : auth::KnownAnswers {
 public:
  // `sample`: 0 to 99, the same whenever the message is judged.
  SenderCheck(WorkerParts& parts, std::shared_ptr<const Generation> generation,
              const conf::SenderAuth& wish, auth::SpfInput spf, unsigned sample);

  ~SenderCheck();
  SenderCheck(const SenderCheck&) = delete;
  SenderCheck& operator=(const SenderCheck&) = delete;

  // The questions of SPF leave.
  void begin();
  // The next octets of the content, as the client sent them.
  void take(Bytes octets) { verifier_.take(octets); }
  // The content is complete.
  void finish(SenderCheckOwner& owner);
  // The session is about to end: what the DNS says within two seconds of the end of the content, or
  // of now, has to do. Perhaps tells the owner from inside.
  void hurry();

  // Once it is checked.
  enum class Fate : std::uint8_t { Accept, Junk, Reject };
  Fate fate() const;
  // The same in the words of DMARC.
  auth::DmarcPolicy disposition() const;
  // Of Reject: what the client is told.
  std::string refusal() const;
  const auth::SpfResult& spf() const { return *spf_; }
  const std::vector<auth::DkimResult>& dkim() const { return *dkim_; }
  const auth::ArcResult& arc() const { return *arc_; }
  const auth::DmarcResult& dmarc() const { return *dmarc_; }
  // By the sealers of an ARC chain that are believed.
  bool is_vouched_for() const;
  // The fields of the message, as many as have room.
  std::string header_text(std::size_t octets_max) const;
  // It is a DMARC report that comes from whom it says.
  bool is_report() const;

 private:
  struct Enquiry final : DnsAsker {
    Enquiry(SenderCheck& of, dns::Question what) : check(of), question(std::move(what)) {}
    void found(dns::AnswerPointer answer) override { check.found(*this, std::move(answer)); }
    SenderCheck& check;
    dns::Question question;
    bool is_open = true;
  };

  dns::AnswerPointer known(const dns::Question& question) override {
    return parts_.resolver->known(question);
  }
  void found(Enquiry& enquiry, dns::AnswerPointer answer);
  void ask(Instant deadline);
  void step();
  bool evaluate();

  WorkerParts& parts_;
  std::shared_ptr<const Generation> generation_;
  const conf::SenderAuth& wish_;
  SenderCheckOwner* owner_ = nullptr;
  auth::SpfInput input_;
  unsigned sample_;
  auth::DnsMemo memo_{*this};
  scan::MessageVerifier verifier_{*parts_.public_keys};
  bool all_there_ = false;
  bool asking_ = false;
  bool done_ = false;
  bool hurries_ = false;
  std::list<Enquiry> enquiries_;  // of this round
  std::size_t pending_ = 0;       // of them, without an answer
  Instant deadline_{};
  std::vector<std::string> authors_;
  std::optional<auth::SpfResult> spf_;
  std::optional<std::vector<auth::DkimResult>> dkim_;
  std::optional<auth::ArcResult> arc_;
  std::optional<auth::DmarcResult> dmarc_;
};

}  // namespace ringpost::mta
