// FilterRun: what the filters of a listener decide about one session, phase by phase, in their
// order. Owner: an Inbound of one core.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/mta/enquiries.h"
#include "engine/mta/generation.h"
#include "engine/mta/lookups.h"
#include "engine/mta/worker_parts.h"
#include "engine/observe/filter_event.h"
#include "proto/conf/filter_test.h"
#include "proto/smtp/reply.h"

namespace ringpost::mta {

// What became of a phase.
struct FilterVerdict {
  enum class Kind : std::uint8_t { Proceed, Reject, Disconnect };
  Kind kind = Kind::Proceed;
  bool junk = false;                          // of Proceed
  std::optional<std::string> rewritten = {};  // instead of the phase's value; of Proceed
  smtp::Reply reply = {};                     // of the others: 4xx or 5xx
};

class FilterRunOwner {
 public:
  // The verdict of the phase that was begun last, perhaps from inside begin().
  virtual void filtered(FilterVerdict verdict) = 0;
  // What is known of the session now. The views stay until the next call.
  virtual conf::SessionFacts facts() const = 0;

 protected:
  ~FilterRunOwner() = default;
};

class FilterRun final : EnquiryAsker {
 public:
  // `root`: a filter or a chain of `generation`. `client`: as the log calls it; outlives the run.
  FilterRun(WorkerParts& parts, std::shared_ptr<const Generation> generation,
            const conf::Filter& root, observe::SessionId session, const std::string& client,
            FilterRunOwner& owner);
  ~FilterRun();
  FilterRun(const FilterRun&) = delete;
  FilterRun& operator=(const FilterRun&) = delete;

  // One phase at a time. The recipient counts in the phase rcpt-to.
  void begin(conf::FilterPhase phase, conf::AddressView recipient = {});
  // The client's name must be known before the phase connect.
  bool needs_client_name() const { return needs_client_name_; }

 private:
  // EnquiryAsker
  void answered(conf::Answer answer) override;

  void go_on();
  bool has_say(const conf::Filter& filter) const;
  // True: the phase is over, or waits for an answer.
  bool judge(const conf::Filter& filter);
  bool decide(const conf::Filter& filter);
  bool cannot_decide(const conf::Filter& filter, std::string reason);
  void log(const conf::Filter& filter, observe::FilterWord word, std::string_view text,
           std::string_view reason = {});
  void end(FilterVerdict verdict);

  WorkerParts& parts_;
  std::shared_ptr<const Generation> generation_;
  observe::SessionId session_;
  const std::string& client_;
  FilterRunOwner& owner_;
  std::vector<const conf::Filter*> chain_;
  bool needs_client_name_;
  conf::FilterPhase phase_ = conf::FilterPhase::Connect;
  std::string recipient_user_, recipient_domain_;
  std::size_t next_ = 0;  // in the chain
  std::optional<LookupMemo> lookups_;
  conf::Question asked_;
};

}  // namespace ringpost::mta
