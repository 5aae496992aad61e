// Transaction: one message in the making, from MAIL to the durable Envelope. It outlives its
// connection while a commit is under way: a message whose client has gone is ours all the same once
// it is durable (RFC 5321 6.1).
#pragma once

#include <memory>
#include <string>
#include <unordered_set>
#include <vector>

#include "engine/mta/content_leases.h"
#include "engine/mta/mail_signer.h"
#include "engine/mta/spooler.h"
#include "engine/mta/worker_parts.h"
#include "proto/auth/results_remover.h"
#include "proto/submission/header_editor.h"
#include "store/spool/envelope.h"

namespace ringpost::mta {

class Inbound;

class Transaction : public Commit {
 public:
  Transaction(WorkerParts& parts, Inbound& inbound, observe::SessionId session);

  // False when the same delivery is there already (the same mailbox by another alias), or too many.
  enum class Added : std::uint8_t { Added, Duplicate, TooMany };
  Added add_recipient(store::Recipient recipient);

  // Begins the content.
  void begin_content();
  // How much of `octets` was taken; less than all: wait for room.
  std::size_t append(Bytes octets, const memory::Buffer& buffer);
  // By what edits the header, if anything does: `pending` is what became of it, `pending_after`
  // what came behind the header.
  void edit_pending();
  // The content ended; `pending` is what was held back of a header that it all is.
  void end_editing();
  // `front`, when all else was appended: as an extent of its own before the others, so that nothing
  // has to be written twice. False: wait for room and call it again.
  bool append_front();
  // False once a write failed that held content of this message.
  bool is_intact() const;

  enum class Begun : std::uint8_t { Waiting, NoRoom, Impossible };
  // Appends the Envelope. From Waiting on the transaction belongs to the commit and frees itself.
  static Begun commit(std::unique_ptr<Transaction>& transaction);
  // The connection has gone: nobody is to be told any more.
  void forget_inbound() { inbound_ = nullptr; }
  // What is recorded of the decision then, once it is durable: a store::DecisionRecord, encoded.
  void leave_record(std::string record) { left_record_ = std::move(record); }

  QueueId id() const { return id_; }
  store::Envelope envelope;
  Instant began{};
  std::uint64_t content_octets = 0;
  std::string trace;                                 // the Received field, until it was appended
  Bytes pending;                                     // content that found no room yet
  Bytes pending_after;                               // what comes behind it
  std::unique_ptr<submission::HeaderEditor> header;  // of submitted content, until the header ends
  std::unique_ptr<auth::ResultsRemover> results;     // takes forged results out, the same
  std::string front;    // fields above all others, which are known last; see append_front()
  std::string edited;   // what became of it
  std::string cleaned;  // without forged results, for `header`
  std::unique_ptr<MailSigner> signer;  // of content that is to be signed, if it can be
  bool is_from_known = false;          // a rule that knows whom it is from relays it
  bool failed =
      false;  // no room came: what follows is thrown away, the message is refused at its end

 private:
  template <class Editor>
  void edit_by(std::unique_ptr<Editor>& editor);
  static void settled(Commit& commit, bool durable);
  void report(WallTime now) const;
  void put_left_record() const;

  WorkerParts& parts_;
  Inbound* inbound_;
  observe::SessionId session_;
  QueueId id_;
  std::uint32_t epoch_ = 0;
  store::Extent where_{};
  ContentLeases leases_;
  std::vector<store::Extent> front_extents_;
  std::unordered_set<std::string> deliveries_;
  std::string left_record_;
};

}  // namespace ringpost::mta
