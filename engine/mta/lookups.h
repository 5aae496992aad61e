// LookupMemo: what conf::expand asks, for the judgement of one recipient: answers what is known at
// once, says Later for what must be asked, and remembers the answers that came. Owner: one core.
#pragma once

#include <string_view>
#include <unordered_map>
#include <utility>

#include "engine/mta/generation.h"
#include "engine/mta/worker_parts.h"
#include "proto/conf/lookups.h"

namespace ringpost::mta {

class LookupMemo final : public conf::Lookups {
 public:
  // Both must stay while the memo is used.
  LookupMemo(WorkerParts& parts, const Generation& generation)
      : parts_(&parts), generation_(&generation) {}

  conf::Answer ask(const conf::Question& question) override;
  bool matches_regex(const conf::Table& table, std::string_view text) override;
  void remember(conf::Question question, conf::Answer answer);

 private:
  conf::Answer known_at_once(const conf::Question& question) const;
  void trace(const conf::Question& question, const conf::Answer& answer) const;

  WorkerParts* parts_;
  const Generation* generation_;
  struct HashOfQuestion {
    std::size_t operator()(const conf::Question& question) const;
  };
  // A list of thousands is asked for all of its users again at every answer.
  std::unordered_map<conf::Question, conf::Answer, HashOfQuestion> kept_;
};

}  // namespace ringpost::mta
