// DecisionNotes: what a session remembers for the records of its decisions: what filters said, what
// was looked up, who the recipients are, where the time went. Bounded. Owner: an Inbound.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/observe/reason.h"
#include "proto/base/clock.h"
#include "proto/conf/filter_config.h"
#include "proto/smtp/reply.h"
#include "store/decision/record.h"

namespace ringpost::mta {

class DecisionNotes {
 public:
  // A stage begins; the one before, if any, ends.
  void begin(store::Stage stage, Instant now);
  // It ends: the client is answered.
  void end(Instant now);
  void spent(store::Stage stage, Duration duration);
  store::Stage stage() const { return stage_; }

  // From here on notes belong to a transaction.
  void begin_transaction(std::string sender);
  // It has its message's id.
  void name_transaction(QueueId id, std::string_view sender);
  // It is over: only what the session is stays.
  void end_transaction();
  // Of the transaction; none: 0.
  QueueId id() const { return id_; }

  void filter_said(const conf::Filter& filter, filter::Phase phase, observe::FilterWord word,
                   std::string_view text, std::string_view reason);
  void looked_up(std::string_view what, std::string_view outcome);
  // What SPF, DKIM, DMARC or ARC says of the message, in the words of RFC 8601.
  void authenticated(std::string_view method, std::string_view result, std::string_view detail);
  void called_junk() { is_junk_ = true; }
  // A recipient is being judged; then by the rule that stands there (DecidedRecipient::rule).
  void judge(std::string recipient);
  void decided_by(std::string rule) { rule_ = std::move(rule); }
  // It was accepted.
  void accept();

  // Views into these notes.
  void fill(store::DecisionRecord& record) const;

 private:
  struct Said {
    filter::Phase phase;
    observe::FilterWord word;
    std::string filter, text, reason;
  };
  struct LookedUp {
    std::string what, outcome;
  };
  struct Authenticated {
    std::string method, result, detail;
  };
  struct Recipient {
    std::string address, rule;
  };

  bool in_transaction_ = false;
  bool runs_ = false;  // the stage
  store::Stage stage_ = store::Stage::Connect;
  Instant began_{};
  std::array<std::uint32_t, store::stage_words.size()> spent_us_{};
  QueueId id_{};
  std::string sender_;
  std::string recipient_, rule_;  // that is being judged
  std::uint32_t accepted_ = 0;
  std::vector<Recipient> recipients_;
  // Those of the session, then those of the transaction.
  std::vector<Said> said_;
  std::size_t said_in_session_ = 0;
  std::vector<LookedUp> looked_up_;
  std::size_t looked_up_in_session_ = 0;
  // Of the transaction.
  std::vector<Authenticated> authenticated_;
  bool is_junk_ = false;
};

// What is said to a client that is refused: its reply, with the token of the decision behind the
// text.
smtp::Reply with_token(const smtp::ReplyView& reply, QueueId id);

}  // namespace ringpost::mta
