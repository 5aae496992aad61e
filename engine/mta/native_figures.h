// NativeFigures: what the filters of one core that need no program have counted, by the names of
// filters and lists. Owner: one core.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <unordered_map>

#include "engine/mta/filter_question.h"
#include "engine/mta/worker_parts.h"
#include "engine/observe/labelled_counters.h"
#include "proto/base/clock.h"
#include "proto/dns/address_list.h"

namespace ringpost::mta {

// What one list in the DNS said.
struct ListFigures {
  std::array<observe::Counter*, 5> answers{};  // by dns::Listing
  Instant next_complaint{};                    // when the log may name its refusals again
};

// What one filter said.
struct AnswerFigures {
  std::array<observe::Counter*, 7> answers{};  // by FilterAnswer::Kind
};

class NativeFigures {
 public:
  NativeFigures(observe::LabelledCounters& counters, unsigned core)
      : counters_(counters), core_(core) {}

  // Both stay for as long as this.
  ListFigures& list(const std::string& filter, const std::string& zone);
  void answered(const std::string& filter, FilterAnswer::Kind kind);

 private:
  observe::LabelledCounters& counters_;
  unsigned core_;
  std::unordered_map<std::string, std::unique_ptr<ListFigures>> lists_;
  std::unordered_map<std::string, AnswerFigures> filters_;
};

// A list that does not answer us is named in the log once an hour.
void complain_of_list(WorkerParts& parts, ListFigures& figures, std::string_view filter,
                      std::string_view zone, const dns::Answer& answer);

}  // namespace ringpost::mta
