// The words for questions in logs.
#include "proto/conf/lookups.h"

#include <fmt/format.h>

namespace ringpost::conf {
namespace {

struct Describer {
  std::string operator()(const UserQuestion& q) const { return fmt::format("user {}", q.name); }
  std::string operator()(const TableQuestion& q) const {
    return fmt::format("table {} key {}", q.table->name(), q.key);
  }
  std::string operator()(const ForwardQuestion& q) const {
    return fmt::format("~/.forward of {}", q.user.username);
  }
  std::string operator()(const IncludeQuestion& q) const {
    return fmt::format("the included file {}", q.path);
  }
};

}  // namespace

std::string_view word_of(AnswerState state) {
  switch (state) {
    case AnswerState::Found:
      return "found";
    case AnswerState::NotFound:
      return "not found";
    case AnswerState::Later:
      return "not known yet";
    case AnswerState::TemporaryFailure:
      break;
  }
  return "failed";
}

std::string describe(const Question& question) { return std::visit(Describer{}, question); }

}  // namespace ringpost::conf
