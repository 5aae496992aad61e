// The questions of one message and their answers. Fails as an answer does, with Overload.
#include "proto/auth/dns_memo.h"

#include <utility>

#include "proto/base/check.h"
#include "proto/dns/cache.h"

namespace ringpost::auth {

const dns::Answer* DnsMemo::find(const dns::Name& name, dns::Type type) {
  static const dns::Answer too_many{.failure = dns::Failure::Overload};
  const auto found = answers_.find(dns::QuestionView{name, type});
  if (found != answers_.end()) return found->second.get();
  if (answers_.size() >= questions_max_) return &too_many;
  dns::Question question{name, type};
  dns::AnswerPointer answer = known_ == nullptr ? nullptr : known_->known(question);
  if (answer == nullptr) wanted_.push_back(question);
  return answers_.emplace(std::move(question), std::move(answer)).first->second.get();
}

std::vector<dns::Question> DnsMemo::take_wanted() { return std::exchange(wanted_, {}); }

void DnsMemo::put(const dns::Question& question, dns::AnswerPointer answer) {
  CHECK(answer != nullptr);
  dns::AnswerPointer& place = answers_[question];
  if (place == nullptr) place = std::move(answer);
}

}  // namespace ringpost::auth
