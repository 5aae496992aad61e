// ReportPermissions: who may get which domain's DMARC reports (RFC 7489 7.1), found out about many
// at a time, so that one whose name servers are silent does not hold up all others. Keeps what was
// found. Owner: one thread that may block.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "proto/auth/report_target.h"

namespace ringpost::mta {

struct ReportDestination {
  std::string domain = {};  // of the policy, lower case
  std::string host = {};    // of the address, lower case
  auto operator<=>(const ReportDestination&) const = default;
};

class ReportPermissions {
 public:
  // Blocks: the answers in the order of the questions, none null. Nothing: it has to end.
  using Asker = std::function<std::optional<std::vector<dns::AnswerPointer>>(
      const std::vector<dns::Question>& questions)>;
  // Whether the time for questions is up; asked before each portion.
  using TimeIsUp = std::function<bool()>;

  // Destinations that are asked about at the same time.
  static constexpr std::size_t together_max = 64;

  // Forgets everything, but for the hosts that were silent last: those are asked about last, so
  // that they do not use up the time of others again.
  void clear();
  // Blocks. Of a host that is silent no other domain's question is tried before clear().
  void find(std::vector<ReportDestination> wanted, const auth::SuffixList* suffixes,
            const Asker& ask, const TimeIsUp& time_is_up);
  // Null: it was not asked about, since time was up.
  const auth::ReportPermission* known(const ReportDestination& destination) const;

 private:
  struct Enquiry;
  using Enquiries = std::vector<Enquiry>;

  void order(std::vector<ReportDestination>& wanted) const;
  bool settle(Enquiries& enquiries, const auth::SuffixList* suffixes, const Asker& ask);
  bool evaluate(Enquiries& enquiries, const auth::SuffixList* suffixes);
  void note(const ReportDestination& destination, auth::ReportPermission permission);

  std::map<ReportDestination, auth::ReportPermission> known_;
  std::set<std::string> silent_;         // hosts
  std::set<std::string> silent_before_;  // of the time before clear()
};

}  // namespace ringpost::mta
