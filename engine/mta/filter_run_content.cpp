// FilterRun: reports to the processes of the chain, and content through those that change it, from
// one to the next.
#include <algorithm>

#include "engine/mta/filter_run.h"
#include "proto/filter/request.h"
#include "proto/smtp/replies.h"

namespace ringpost::mta {

bool FilterRun::wants(filter::ReportEvent event) const {
  return std::ranges::any_of(chain_, [event](const Place& place) {
    return place.link != nullptr && place.link->wants(event);
  });
}

void FilterRun::report(filter::ReportEvent event, std::initializer_list<std::string_view> fields) {
  line_.clear();
  for (const Place& place : chain_) {
    if (place.link == nullptr || !place.link->wants(event)) continue;
    if (line_.empty())
      filter::append_report(line_,
                            {.subsystem = filter::Subsystem::SmtpIn,
                             .at = parts_.core.wall(),
                             .session = session_.value},
                            event, fields);
    place.link->report(line_);
  }
}

bool FilterRun::begin_content() {
  phase_ = filter::Phase::DataLine;
  stages_.clear();
  for (const Place& place : chain_)
    if (place.link != nullptr && place.link->decides(filter::Phase::DataLine))
      stages_.push_back(place.link.get());
  for (FilterLink* const stage : stages_) stage->ask_lines();
  return !stages_.empty();
}

bool FilterRun::give(std::string_view content) {
  if (stages_.empty()) return true;
  FilterLink& first = *stages_.front();
  if (!first.lines(content)) {
    fail_line(first);
    return true;
  }
  return first.has_room();
}

void FilterRun::end_content() {
  if (stages_.empty()) return;
  if (!stages_.front()->end_lines()) fail_line(*stages_.front());
}

void FilterRun::forget_content() {
  for (FilterLink* const stage : stages_) stage->forget();
  stages_.clear();
}

FilterLink* FilterRun::stage_after(const FilterLink& link) const {
  const auto found = std::ranges::find(stages_, &link);
  return found == stages_.end() || found + 1 == stages_.end() ? nullptr : *(found + 1);
}

void FilterRun::link_content(FilterLink& link, std::string_view lines) {
  FilterLink* const next = stage_after(link);
  if (next == nullptr) return owner_.content_came(lines);
  if (!next->lines(lines)) fail_line(*next);
}

void FilterRun::link_room(FilterLink& link) {
  if (!stages_.empty() && &link == stages_.front()) owner_.content_room();
}

// What it has of the message is lost, so that nobody can do without it.
void FilterRun::fail_content(const FilterLink& link, std::string_view reason,
                             const smtp::ReplyView& refusal) {
  log(link.filter, observe::FilterWord::Undecided, {}, reason);
  forget_content();
  owner_.content_filtered(&refusal);
}

void FilterRun::fail_line(const FilterLink& link) {
  fail_content(link, "a line is too long for it", smtp::replies::line_too_long_for_filter);
}

}  // namespace ringpost::mta
