// FilterRun: reports to the processes of the chain, and content through those that change it, from
// one to the next.
#include <algorithm>
#include <utility>

#include "engine/mta/filter_run.h"
#include "proto/filter/request.h"
#include "proto/smtp/replies.h"

namespace ringpost::mta {
namespace {

// What filters may add to a message.
constexpr std::uint64_t added_octets_max = 1024 * 1024;
constexpr std::size_t piece_octets = 64 * 1024;  // between two looks at the room

}  // namespace

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
      stages_.push_back({.link = place.link.get()});
  for (const Stage& stage : stages_) stage.link->ask_lines();
  return !stages_.empty();
}

bool FilterRun::give(std::string_view content) {
  if (stages_.empty()) return true;
  FilterLink& first = *stages_.front().link;
  if (!first.lines(content)) {
    fail_line(first);
    return true;
  }
  return first.has_room() &&
         std::ranges::all_of(stages_, [](const Stage& stage) { return stage.held.empty(); });
}

void FilterRun::end_content() {
  if (stages_.empty()) return;
  FilterLink& first = *stages_.front().link;
  if (!first.end_lines()) fail_line(first);
}

void FilterRun::forget_content() {
  for (const Stage& stage : stages_) stage.link->forget();
  stages_.clear();
}

FilterRun::Stage* FilterRun::stage_after(const FilterLink& link) {
  const auto found = std::ranges::find(stages_, &link, &Stage::link);
  return found == stages_.end() || found + 1 == stages_.end() ? nullptr : &*(found + 1);
}

void FilterRun::link_content(FilterLink& link, std::string_view lines) {
  const auto stage = std::ranges::find(stages_, &link, &Stage::link);
  if (stage == stages_.end()) return;
  stage->given += lines.size();
  if (stage->given > generation_->session_limits.message_octets_max + added_octets_max)
    return fail_content(link, "it makes too much of a message", smtp::replies::filtered_too_big);
  Stage* const next = stage_after(link);
  if (next == nullptr) return owner_.content_came(lines);
  next->held += lines;
  pass_on(*next);
}

// As much as there is room for, then the end. Afterwards there may be no stages any more.
void FilterRun::pass_on(Stage& stage) {
  std::size_t given = 0;
  while (given < stage.held.size() && stage.link->has_room()) {
    const auto piece = std::string_view(stage.held).substr(given, piece_octets);
    if (!stage.link->lines(piece)) return fail_line(*stage.link);
    given += piece.size();
  }
  stage.held.erase(0, given);
  if (!stage.held.empty() || !std::exchange(stage.all_came, false)) return;
  if (!stage.link->end_lines()) fail_line(*stage.link);
}

// The first one holds nothing.
void FilterRun::link_room(FilterLink& link) {
  const auto stage = std::ranges::find(stages_, &link, &Stage::link);
  if (stage == stages_.end()) return;
  pass_on(*stage);
  owner_.content_room();
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
