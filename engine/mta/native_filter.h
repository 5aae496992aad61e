// NativeFilter: a filter that needs no program, in one session: asked phase by phase like a filter
// process, and answering at once or later, from the DNS or a timer. It blocks nothing, and every
// wait of it has an end. Owner: a FilterRun of one core.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "engine/mta/filter_question.h"
#include "engine/mta/worker_parts.h"
#include "engine/observe/event.h"
#include "proto/conf/filter_config.h"
#include "proto/conf/table_tests.h"

namespace ringpost::mta {

class NativeFilter {
 public:
  NativeFilter() = default;
  virtual ~NativeFilter() = default;
  NativeFilter(const NativeFilter&) = delete;
  NativeFilter& operator=(const NativeFilter&) = delete;

  virtual bool decides(filter::Phase phase) const = 0;
  // One question at a time. Nothing: native_answered() follows, never from inside ask().
  // Unavailable says that it cannot decide for now.
  virtual std::optional<FilterAnswer> ask(filter::Phase phase) = 0;
  // The session is about to end: what merely lets time pass answers now, if it is asked, and at
  // once from here on.
  virtual void hurry() {}
  // Phase connect: the client has said something, before it was greeted.
  virtual void client_spoke() {}
  // It has given a wrong password, or a recipient that was refused.
  virtual void client_failed() {}
  // Fields for the messages of the session, each with its CRLF.
  virtual void append_fields(std::string&) const {}
};

class NativeFilterOwner {
 public:
  virtual void native_answered(FilterAnswer answer) = 0;
  // What is known of the session now; views as FilterRunOwner has them.
  virtual conf::SessionFacts session_facts() const = 0;
  // Phase connect. False: under TLS from the first octet on.
  virtual bool server_speaks_first() const = 0;
  virtual bool client_has_spoken() const = 0;
  // For whoever asks later why this was decided.
  virtual void native_looked_up(std::string_view what, std::string_view outcome) = 0;

 protected:
  ~NativeFilterOwner() = default;
};

// What all of them hold; it outlives them.
struct NativeFilterSetup {
  WorkerParts& parts;
  const conf::Filter& filter;  // Native
  NativeFilterOwner& owner;
};

// Of Reject, Disconnect, Junk and Report.
FilterAnswer::Kind answer_kind_of(conf::FilterDecision decision);

std::unique_ptr<NativeFilter> make_native_filter(const NativeFilterSetup& setup);

}  // namespace ringpost::mta
