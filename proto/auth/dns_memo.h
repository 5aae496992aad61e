// DnsMemo: what the DNS said while one message is judged. An evaluator asks it; what it lacks is
// remembered as wanted, the owner asks name servers for all of it at once, puts the answers in and
// evaluates again from the start. Bounded: beyond its questions every answer is a failure.
#pragma once

#include <cstddef>
#include <map>
#include <tuple>
#include <vector>

#include "proto/dns/answer.h"
#include "proto/dns/message.h"

namespace ringpost::auth {

// Answers that are there without waiting, of a cache.
class KnownAnswers {
 public:
  // Null: not there.
  virtual dns::AnswerPointer known(const dns::Question& question) = 0;

 protected:
  ~KnownAnswers() = default;
};

class DnsMemo {
 public:
  // What the worst SPF record may ask for (RFC 7208 4.6.4: ten terms of ten names each), and as
  // much again for everything else.
  static constexpr std::size_t questions_default = 256;

  explicit DnsMemo(std::size_t questions_max = questions_default) : questions_max_(questions_max) {}
  // What `known`, which must outlive this, has is never wanted.
  explicit DnsMemo(KnownAnswers& known) : questions_max_(questions_default), known_(&known) {}

  // Null: not known yet, and wanted from now on. Beyond the bound an answer that failed with
  // Overload. What it points to lives as long as the memo.
  const dns::Answer* find(const dns::Name& name, dns::Type type);

  // What was asked for since the last call, each question once; the caller finds the answers.
  std::vector<dns::Question> take_wanted();
  bool wants_nothing() const { return wanted_.empty(); }

  // `answer` is not null. The first answer to a question stays: evaluators may hold it.
  void put(const dns::Question& question, dns::AnswerPointer answer);

  // Asked for so far, answered or not.
  std::size_t questions() const { return answers_.size(); }

 private:
  struct Order {  // of questions, and views of them
    using is_transparent = void;
    bool operator()(const auto& a, const auto& b) const {
      return std::tie(a.type, a.name) < std::tie(b.type, b.name);
    }
  };

  std::size_t questions_max_;
  KnownAnswers* known_ = nullptr;
  std::map<dns::Question, dns::AnswerPointer, Order> answers_;  // null: on its way
  std::vector<dns::Question> wanted_;
};

}  // namespace ringpost::auth
