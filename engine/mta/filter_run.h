// FilterRun: what the filters of a listener decide about one session, phase by phase, in their
// order, and what their processes are told of it. Owner: an Inbound of one core.
#pragma once

#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/mta/enquiries.h"
#include "engine/mta/filter_link.h"
#include "engine/mta/generation.h"
#include "engine/mta/lookups.h"
#include "engine/mta/native_filter.h"
#include "engine/mta/worker_parts.h"
#include "engine/observe/filter_event.h"
#include "proto/conf/filter_test.h"
#include "proto/filter/vocabulary.h"
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
  // The processes can be told of the session from now on; before the phase connect.
  virtual void filters_bound() = 0;
  // The verdict of the phase that was begun last, perhaps from inside begin().
  virtual void filtered(FilterVerdict verdict) = 0;
  // What is known of the session now. The views stay until the next call.
  virtual conf::SessionFacts facts() const = 0;
  // See NativeFilterOwner.
  virtual bool server_speaks_first() const = 0;
  virtual bool client_has_spoken() const = 0;
  // Content that has gone through all processes, whole lines.
  virtual void content_came(std::string_view lines) = 0;
  // It has all come; or it will not, and the message must be refused so.
  virtual void content_filtered(const smtp::ReplyView* refusal) = 0;
  // More content may be given.
  virtual void content_room() = 0;
  // For the record of decisions: what a filter said, everything but `proceed`, or why it could not.
  virtual void filter_said(const conf::Filter& filter, filter::Phase phase,
                           observe::FilterWord word, std::string_view text,
                           std::string_view reason) = 0;
  // Likewise: what had to be asked for, and what came of it ("table users key alice", "found").
  virtual void looked_up(std::string_view what, std::string_view outcome) = 0;

 protected:
  ~FilterRunOwner() = default;
};

class FilterRun final : EnquiryAsker, FilterLinkOwner, NativeFilterOwner {
 public:
  // `root`: a filter or a chain of `generation`. `client`: as the log calls it; outlives the run.
  FilterRun(WorkerParts& parts, std::shared_ptr<const Generation> generation,
            const conf::Filter& root, observe::SessionId session, const std::string& client,
            FilterRunOwner& owner);
  ~FilterRun();
  FilterRun(const FilterRun&) = delete;
  FilterRun& operator=(const FilterRun&) = delete;

  // One phase at a time, Connect first. Parameters as filter::append_question has them; the
  // recipient counts in the phase rcpt-to.
  void begin(filter::Phase phase, std::vector<std::string> parameters,
             conf::AddressView recipient = {});
  // The session is about to end: what merely lets time pass answers now, and at once from here on.
  // Any time.
  void hurry();
  // See NativeFilter.
  void client_spoke();
  void client_failed();
  // Fields that filters add to each message of the session.
  std::string fields() const;
  // The client's name must be known before the phase connect.
  bool needs_client_name() const { return needs_client_name_; }

  // Whether a process has a say in it.
  bool decides(filter::Phase phase) const;

  // For processes that registered for it; fields as filter::append_report has them.
  bool wants(filter::ReportEvent event) const;
  void report(filter::ReportEvent event, std::initializer_list<std::string_view> fields);

  // Whether a process changes content: then all of it goes through give(), and comes back.
  bool begin_content();
  // False: give no more until content_room().
  bool give(std::string_view content);
  void end_content();
  // The message is given up.
  void forget_content();

 private:
  struct Place {  // in the chain
    const conf::Filter* filter;
    std::unique_ptr<FilterLink> link;      // of a process
    std::unique_ptr<NativeFilter> native;  // of one that needs none
  };
  // One of the processes through which content goes.
  struct Stage {
    FilterLink* link;
    std::uint64_t given = 0;  // octets that it has handed on
    std::string held = {};    // came from the one before, and found no room yet
    bool all_came = false;    // from it, and the end was not given yet
  };

  // EnquiryAsker
  void answered(conf::Answer answer) override;
  // FilterLinkOwner
  void link_ready(FilterLink& link, bool ready) override;
  void link_answered(FilterLink& link, FilterAnswer answer) override;
  void link_content(FilterLink& link, std::string_view lines) override;
  void link_room(FilterLink& link) override;
  // NativeFilterOwner
  void native_answered(FilterAnswer answer) override;
  conf::SessionFacts session_facts() const override { return owner_.facts(); }
  bool server_speaks_first() const override { return owner_.server_speaks_first(); }
  bool client_has_spoken() const override { return owner_.client_has_spoken(); }
  void native_looked_up(std::string_view what, std::string_view outcome) override {
    owner_.looked_up(what, outcome);
  }

  void bind();
  void go_on();
  // These five: true when the phase is over, or waits for an answer.
  bool ask(const Place& place);
  bool judge(const conf::Filter& filter);
  bool take(FilterLink& link, FilterAnswer& answer);
  bool take_native(const conf::Filter& filter, FilterAnswer answer);
  bool conclude(const conf::Filter& filter, observe::FilterWord word, std::string text);
  // True when the phase is over.
  bool do_without(FilterLink& link, std::string_view reason);
  void cannot_decide(const conf::Filter& filter, std::string_view reason);
  void trace(const conf::Filter& filter, std::string_view result);
  void log(const conf::Filter& filter, observe::FilterWord word, std::string_view text,
           std::string_view reason = {});
  void end(FilterVerdict verdict);
  Stage* stage_after(const FilterLink& link);
  void pass_on(Stage& stage);
  void fail_content(const FilterLink& link, std::string_view reason,
                    const smtp::ReplyView& refusal);
  void fail_line(const FilterLink& link);

  WorkerParts& parts_;
  std::shared_ptr<const Generation> generation_;
  observe::SessionId session_;
  const std::string& client_;
  FilterRunOwner& owner_;
  std::vector<Place> chain_;
  bool needs_client_name_;
  filter::Phase phase_ = filter::Phase::Connect;
  std::vector<std::string> parameters_;
  std::string recipient_user_, recipient_domain_;
  std::size_t bound_ = 0;  // of the chain
  std::size_t next_ = 0;   // in the chain
  std::optional<LookupMemo> lookups_;
  conf::Question asked_;
  std::vector<Stage> stages_;  // through which content goes
  std::string line_;           // room for a report
};

}  // namespace ringpost::mta
