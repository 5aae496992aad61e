// Zone: what the DNS says in a test of an evaluator, and the rounds of questions and answers until
// the evaluator knows enough. Fails as a GoogleTest assertion.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include <gtest/gtest.h>

#include "proto/auth/dns_memo.h"
#include "proto/auth/spf_macro.h"

namespace ringpost::auth {

class Zone {
 public:
  Zone& txt(std::string_view owner, std::string_view text) {
    dns::Text strings;
    for (; text.size() > 255; text.remove_prefix(255))
      strings.strings.emplace_back(text.substr(0, 255));
    strings.strings.emplace_back(text);
    return add(owner, dns::Type::Txt, strings);
  }
  Zone& address(std::string_view owner, std::string_view text) {
    const auto value = conf::parse_net_address(text).value();
    const bool is_inet4 = value.family == conf::Family::Inet4;
    return add(owner, is_inet4 ? dns::Type::A : dns::Type::Aaaa, value);
  }
  Zone& mx(std::string_view owner, std::uint16_t preference, std::string_view host) {
    return add(owner, dns::Type::Mx, dns::MailExchanger{preference, name(host)});
  }
  Zone& ptr(std::string_view owner, std::string_view target) {
    return add(owner, dns::Type::Ptr, name(target));
  }
  // Whatever else is not there for the name is not answered.
  Zone& silent(std::string_view owner) {
    silent_.insert(name(owner));
    return *this;
  }

  // Runs evaluate(memo) until it knows.
  template <class Evaluate>
  auto run(Evaluate evaluate, DnsMemo memo = DnsMemo()) const {
    for (int round = 0; round < 300; ++round) {
      auto result = evaluate(memo);
      if (result) {
        questions_ = memo.questions();
        return *result;
      }
      EXPECT_FALSE(memo.wants_nothing()) << "it waits for nothing";
      for (const dns::Question& question : memo.take_wanted()) memo.put(question, answer(question));
    }
    ADD_FAILURE() << "it never ends";
    return typename decltype(evaluate(memo))::value_type{};
  }
  // Of the last run.
  std::size_t questions() const { return questions_; }

 private:
  static dns::Name name(std::string_view text) {
    const auto name = plain_name(text);
    EXPECT_TRUE(name) << text;
    return name.value_or(dns::Name());
  }
  Zone& add(std::string_view owner, dns::Type type, dns::RecordData data) {
    records_[{name(owner), type}].push_back(std::move(data));
    names_.insert(name(owner));
    return *this;
  }
  dns::AnswerPointer answer(const dns::Question& question) const {
    dns::Answer answer{.outcome = dns::Outcome::NoName, .owner = question.name};
    const auto found = records_.find({question.name, question.type});
    if (found != records_.end()) {
      answer.outcome = dns::Outcome::Found;
      answer.records = found->second;
    } else if (silent_.contains(question.name)) {
      answer.outcome = dns::Outcome::Failed;
      answer.failure = dns::Failure::Timeout;
    } else if (names_.contains(question.name)) {
      answer.outcome = dns::Outcome::NoData;
    }
    return std::make_shared<const dns::Answer>(std::move(answer));
  }

  std::map<std::pair<dns::Name, dns::Type>, std::vector<dns::RecordData>> records_;
  std::set<dns::Name> names_, silent_;
  mutable std::size_t questions_ = 0;
};

}  // namespace ringpost::auth
