// Lookups that answer from maps, and remember what they were asked.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "proto/conf/lookups.h"
#include "tests/proto/conf/conf_support.h"

namespace ringpost::conf {

// Every user exists but "nobody", "later" and "broken", which do what they are called.
class FakeLookups final : public Lookups {
 public:
  Answer ask(const Question& question) override {
    asked.push_back(describe(question));
    const auto* user = std::get_if<UserQuestion>(&question);
    if (user == nullptr) return {.state = AnswerState::NotFound};
    if (user->name == "later") return {.state = AnswerState::Later};
    if (user->name == "broken") return {.state = AnswerState::TemporaryFailure, .text = "broken"};
    if (user->name == "nobody") return {.state = AnswerState::NotFound};
    return {.state = AnswerState::Found, .user = {user->name, 1000, 1000, "/home/" + user->name}};
  }
  bool matches_regex(const Table&, std::string_view) override { return false; }

  std::vector<std::string> asked;
};

}  // namespace ringpost::conf
