// Tests of results of sender authentication in built-in filters: `spf fail`, `dmarc pass domain
// <friends>`. RFC 8601 2.7 has the words. What no method can find is a mistake; a test of what no
// listener looks at is warned of.
#include <algorithm>

#include <fmt/format.h>

#include "proto/conf/parser.h"

namespace ringpost::conf {
namespace {

// What a method can find: RFC 8601 2.7.
std::string_view result_words_of(FilterCondition method) {
  switch (method) {
    case FilterCondition::Spf:
      return "none neutral pass fail softfail temperror permerror";
    case FilterCondition::Dkim:
      return "none neutral pass fail policy temperror permerror";
    case FilterCondition::Dmarc:
      return "none pass fail temperror permerror";
    case FilterCondition::Arc:
      return "none pass fail";
    default:
      return "pass fail temperror permerror";
  }
}

bool has_word(std::string_view words, std::string_view word) {
  return !word.contains(' ') && fmt::format(" {} ", words).contains(fmt::format(" {} ", word));
}

}  // namespace

// Words of results, then perhaps `domain` and whose they must be.
bool Parser::parse_result_condition(Filter& filter, std::string_view method) {
  const Position position = token_.position;
  if (!parse_match_test(filter.test, TableUse::StringList, method, filter.test.negated))
    return false;
  const Table* const words = filter.test.table;
  const bool is_checked =
      words != nullptr && words->backend() == TableBackend::Memory && !filter.test.regex;
  for (std::size_t i = 0; is_checked && i < words->size(); ++i) {
    const std::string_view known = result_words_of(filter.condition);
    if (!has_word(known, words->row(i).key))
      error(position, fmt::format("\"{}\" is no result of {}: these are {}", words->row(i).key,
                                  method, known));
  }
  const bool has_domain = filter.condition == FilterCondition::Spf ||
                          filter.condition == FilterCondition::Dkim ||
                          filter.condition == FilterCondition::Dmarc;
  if (!has_domain || !take_keyword("domain")) return true;
  return parse_match_test(filter.domains, TableUse::DomainList, "domain", false);
}

// A test of what nobody looks at is most likely a mistake.
void Parser::check_result_filters() {
  for (const auto& filter : config_.filters) {
    if (!is_of_results(filter->condition)) continue;
    std::vector<const Listener*> users;
    for (const Listener& listener : config_.listeners) {
      const Filter* const root = listener.filter;
      const bool has_it =
          root != nullptr && (root == filter.get() ||
                              std::ranges::find(root->chain, filter.get()) != root->chain.end());
      if (has_it) users.push_back(&listener);
    }
    const auto is_blind = [](const Listener* one) { return !one->sender_auth.is_checked; };
    if (!users.empty() && std::ranges::all_of(users, is_blind))
      warning(filter->position,
              fmt::format("no listener with filter \"{}\" has \"dmarc\": its test never holds",
                          filter->name));
  }
}

}  // namespace ringpost::conf
