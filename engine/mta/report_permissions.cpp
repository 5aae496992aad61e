// Portion by portion, and round by round in each: see report_permissions.h.
#include "engine/mta/report_permissions.h"

#include <algorithm>
#include <iterator>
#include <memory>
#include <utility>

namespace ringpost::mta {
namespace {

using Kind = auth::ReportPermission::Kind;

// A walk asks for all its names in one round, and the permission itself in the next.
constexpr unsigned rounds_max = 16;

}  // namespace

struct ReportPermissions::Enquiry {
  ReportDestination destination;
  std::unique_ptr<auth::DnsMemo> memo = std::make_unique<auth::DnsMemo>();
  bool is_open = true;
};

void ReportPermissions::clear() {
  // Most passes find nothing that is due.
  if (!known_.empty()) silent_before_ = std::exchange(silent_, {});
  known_.clear();
}

const auth::ReportPermission* ReportPermissions::known(const ReportDestination& destination) const {
  const auto found = known_.find(destination);
  return found == known_.end() ? nullptr : &found->second;
}

void ReportPermissions::order(std::vector<ReportDestination>& wanted) const {
  std::ranges::sort(wanted);
  const auto copies = std::ranges::unique(wanted);
  wanted.erase(copies.begin(), copies.end());
  std::erase_if(wanted, [this](const ReportDestination& one) { return known(one) != nullptr; });
  std::ranges::sort(wanted, {}, [this](const ReportDestination& one) {
    return std::pair(silent_before_.contains(one.host), one);
  });
}

void ReportPermissions::find(std::vector<ReportDestination> wanted,
                             const auth::SuffixList* suffixes, const Asker& ask,
                             const TimeIsUp& time_is_up) {
  order(wanted);
  for (std::size_t next = 0; next < wanted.size() && !time_is_up();) {
    Enquiries portion;
    for (; next < wanted.size() && portion.size() < together_max; ++next) {
      if (silent_.contains(wanted[next].host)) {
        note(wanted[next], {.kind = Kind::Failed});
      } else {
        portion.push_back({.destination = std::move(wanted[next])});
      }
    }
    if (!settle(portion, suffixes, ask)) return;
  }
}

// False: it has to end.
bool ReportPermissions::settle(Enquiries& enquiries, const auth::SuffixList* suffixes,
                               const Asker& ask) {
  for (unsigned round = 0; round < rounds_max; ++round) {
    if (!evaluate(enquiries, suffixes)) return true;
    std::vector<dns::Question> questions;
    std::vector<auth::DnsMemo*> askers;
    for (Enquiry& one : enquiries) {
      if (!one.is_open) continue;
      std::ranges::move(one.memo->take_wanted(), std::back_inserter(questions));
      askers.resize(questions.size(), one.memo.get());
    }
    const auto answers = ask(questions);
    if (!answers) return false;
    for (std::size_t i = 0; i < questions.size(); ++i) askers[i]->put(questions[i], (*answers)[i]);
  }
  for (const Enquiry& one : enquiries)
    if (one.is_open) note(one.destination, {.kind = Kind::Failed});
  return true;
}

// False: all is known.
bool ReportPermissions::evaluate(Enquiries& enquiries, const auth::SuffixList* suffixes) {
  bool is_any_open = false;
  for (Enquiry& one : enquiries) {
    if (!one.is_open) continue;
    auto permission = auth::evaluate_report_permission(one.destination.domain, one.destination.host,
                                                       suffixes, *one.memo);
    one.is_open = !permission;
    if (permission) note(one.destination, std::move(*permission));
    is_any_open = is_any_open || one.is_open;
  }
  return is_any_open;
}

void ReportPermissions::note(const ReportDestination& destination,
                             auth::ReportPermission permission) {
  if (permission.kind == Kind::Failed) silent_.insert(destination.host);
  known_.insert_or_assign(destination, std::move(permission));
}

}  // namespace ringpost::mta
