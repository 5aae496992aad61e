// TableSource: where the answers of a table come from that is not in memory: an LMDB file, a
// program. Asked by any core, answers from a thread of its own, so that nothing that can block ever
// runs on a core. The only other one that knows which kind it is, is TableSources.
#pragma once

#include <optional>
#include <string>

#include "engine/ring/core.h"
#include "proto/conf/lookups.h"

namespace ringpost::mta {

// Questions that wait in one source; more are answered with a temporary failure at once.
inline constexpr std::size_t enquiries_waiting_max = 10'000;

// A question on its way: caller-owned, and must stay until its handler was called on `core`.
struct TableEnquiry : ring::Message {
  TableEnquiry(Handler called, ring::Core& asker, const conf::TableQuestion& question,
               char sub_address_delimiter, Instant answer_by)
      : Message(called),
        core(asker),
        service(question.service),
        key(question.key),
        delimiter(sub_address_delimiter),
        deadline(answer_by) {}

  ring::Core& core;
  conf::TableService service;
  std::string key;
  char delimiter;
  Instant deadline;
  conf::Answer answer;
};

// The last that a source does with an enquiry, and under its lock: see settle().
inline void give_back(TableEnquiry& enquiry) { enquiry.core.post(enquiry); }

inline conf::Answer failure(std::string reason) {
  return {.state = conf::AnswerState::TemporaryFailure, .user = {}, .text = std::move(reason)};
}

class TableSource {
 public:
  virtual ~TableSource() = default;
  // Any thread. The enquiry always comes back; how late, the asker has to bear.
  virtual void ask(TableEnquiry& enquiry) = 0;
  // Not on a core: blocks until the source has its data anew. The reason when it could not; then it
  // answers as before.
  virtual std::optional<std::string> update() = 0;
  // Once this returns, the source is done with every core whose enquiries have all come back.
  virtual void settle() = 0;
};

}  // namespace ringpost::mta
