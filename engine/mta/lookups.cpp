// What a judgement asks: see lookups.h.
#include "engine/mta/lookups.h"

#include <functional>

#include "engine/mta/enquiries.h"
#include "engine/mta/table_source.h"
#include "engine/mta/user_directory.h"

namespace ringpost::mta {
namespace {

// What two questions of a kind differ by, nearly always.
std::string_view key_of(const conf::UserQuestion& question) { return question.name; }
std::string_view key_of(const conf::TableQuestion& question) { return question.key; }
std::string_view key_of(const conf::ForwardQuestion& question) { return question.user.username; }
std::string_view key_of(const conf::IncludeQuestion& question) { return question.path; }

}  // namespace

std::size_t LookupMemo::HashOfQuestion::operator()(const conf::Question& question) const {
  const std::string_view key = std::visit([](const auto& one) { return key_of(one); }, question);
  return std::hash<std::string_view>{}(key) * 31 + question.index();
}

conf::Answer LookupMemo::ask(const conf::Question& question) {
  if (const auto kept = kept_.find(question); kept != kept_.end()) return kept->second;
  conf::Answer answer = known_at_once(question);
  if (answer.state == conf::AnswerState::Later && parts_->enquiries->full())
    return failure("too many questions wait");
  if (answer.state != conf::AnswerState::Later) trace(question, answer);
  return answer;
}

void LookupMemo::remember(conf::Question question, conf::Answer answer) {
  trace(question, answer);
  kept_.insert_or_assign(std::move(question), std::move(answer));
}

// Values may be secrets only where credentials are asked for, which is not here.
void LookupMemo::trace(const conf::Question& question, const conf::Answer& answer) const {
  if (!parts_->events.wants<observe::LookedUp>()) return;
  const std::string what = describe(question);
  parts_->events.emit(
      parts_->core.wall(),
      observe::LookedUp{.what = what, .outcome = word_of(answer.state), .text = answer.text});
}

conf::Answer LookupMemo::known_at_once(const conf::Question& question) const {
  if (const auto* user = std::get_if<conf::UserQuestion>(&question)) {
    UserDirectory::Answer known = parts_->users.find(user->name, parts_->core.now());
    conf::Answer answer{.state = known.state, .user = std::move(known.user)};
    if (answer.state == conf::AnswerState::TemporaryFailure)
      answer.text = describe(question) + ": the name service fails";
    return answer;
  }
  const auto* forward = std::get_if<conf::ForwardQuestion>(&question);
  return forward != nullptr ? parts_->enquiries->known(*forward) : conf::Answer{};
}

bool LookupMemo::matches_regex(const conf::Table& table, std::string_view text) {
  const auto found = generation_->patterns.find(&table);
  return found != generation_->patterns.end() && parts_->patterns.matches(found->second, text);
}

}  // namespace ringpost::mta
