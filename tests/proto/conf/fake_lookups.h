// Lookups that answer from maps, and remember what they were asked.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "proto/conf/lookups.h"
#include "tests/proto/conf/conf_support.h"

namespace ringpost::conf {

// Every user exists but "nobody", "later" and "broken", which do what they are called; so do the
// texts "LATER" and "BROKEN" of forwards, files and table rows.
class FakeLookups final : public Lookups {
 public:
  Answer ask(const Question& question) override {
    asked.push_back(describe(question));
    if (const auto* user = std::get_if<UserQuestion>(&question)) return of_user(user->name);
    if (const auto* forward = std::get_if<ForwardQuestion>(&question))
      return of_text(forwards, forward->user.username);
    if (const auto* include = std::get_if<IncludeQuestion>(&question))
      return of_text(files, include->path);
    const auto& row = std::get<TableQuestion>(question);
    return of_text(rows, row.table->name() + ":" + row.key);
  }
  bool matches_regex(const Table& table, std::string_view text) override {
    patterns_asked.push_back(table.row(0).key);
    return text.contains(table.row(0).key);
  }

  std::map<std::string, std::string, std::less<>> forwards, files;
  std::map<std::string, std::string, std::less<>> rows;  // by "table:key"
  std::vector<std::string> asked;
  std::vector<std::string_view> patterns_asked;

 private:
  static Answer of_user(const std::string& name) {
    if (name == "later") return {.state = AnswerState::Later};
    if (name == "broken") return {.state = AnswerState::TemporaryFailure, .text = "broken"};
    if (name == "nobody") return {.state = AnswerState::NotFound};
    const std::uint32_t id = name == "root" ? 0 : 1000;
    return {.state = AnswerState::Found, .user = {name, id, id, "/home/" + name}};
  }

  static Answer of_text(const std::map<std::string, std::string, std::less<>>& texts,
                        const std::string& key) {
    const auto found = texts.find(key);
    if (found == texts.end()) return {.state = AnswerState::NotFound};
    if (found->second == "LATER") return {.state = AnswerState::Later};
    if (found->second == "BROKEN")
      return {.state = AnswerState::TemporaryFailure, .text = "broken " + key};
    return {.state = AnswerState::Found, .text = found->second};
  }
};

}  // namespace ringpost::conf
