// Values in tables: each kind of value has its service and its way of matching.
#include "proto/conf/table_tests.h"

#include <fmt/format.h>

#include "proto/base/ascii.h"

namespace ringpost::conf {
namespace {

constexpr std::string_view local_word = "local";  // in `src` tables: the local socket and aliases

bool must_ask(const TableTest& test) { return test.table->backend() != TableBackend::Memory; }

}  // namespace

void TableTests::fail(std::string reason) {
  if (!stop_) stop_ = TestStop{.waiting_for = {}, .reason = std::move(reason)};
}

bool TableTests::ask(const Table& table, TableService service, std::string_view key) {
  if (stop_) return false;
  TableQuestion question{&table, service, ascii::lower(key)};
  Answer answer = lookups_.ask(question);
  if (answer.state == AnswerState::Found) return true;
  if (answer.state == AnswerState::NotFound) return false;
  stop_.emplace();
  if (answer.state == AnswerState::Later) {
    stop_->waiting_for = std::move(question);
  } else {
    stop_->reason = std::move(answer.text);
  }
  return false;
}

bool TableTests::domain_is_in(const TableTest& test, std::string_view domain) {
  if (must_ask(test)) {
    return ask(*test.table, test.regex ? TableService::Regex : TableService::Domain, domain);
  }
  if (test.regex) return lookups_.matches_regex(*test.table, domain);
  return test.table->matches_domain(domain);
}

bool TableTests::address_is_in(const TableTest& test, AddressView address) {
  const bool is_asked = must_ask(test);
  if (!is_asked && !test.regex) {
    return test.table->matches_mail_address(address.user, address.domain,
                                            config_.smtp.sub_address_delimiter);
  }
  const bool is_null = address.user.empty() && address.domain.empty();
  const std::string text =
      is_null ? std::string() : fmt::format("{}@{}", address.user, address.domain);
  if (!is_asked) return lookups_.matches_regex(*test.table, text);
  return ask(*test.table, test.regex ? TableService::Regex : TableService::MailAddress, text);
}

bool TableTests::text_is_in(const TableTest& test, std::string_view text) {
  if (must_ask(test)) {
    return ask(*test.table, test.regex ? TableService::Regex : TableService::String, text);
  }
  if (test.regex) return lookups_.matches_regex(*test.table, text);
  return test.table->contains(text);
}

bool TableTests::source_is_in(const TableTest& test, bool is_local) {
  is_local = is_local || !session_.client;
  if (!must_ask(test) && !test.regex) {
    return is_local ? test.table->contains(local_word)
                    : test.table->matches_address(*session_.client);
  }
  const std::string text = is_local ? std::string(local_word) : to_text(*session_.client);
  if (!must_ask(test)) return lookups_.matches_regex(*test.table, text);
  return ask(*test.table, test.regex ? TableService::Regex : TableService::NetAddress, text);
}

bool TableTests::user_is_in(const TableTest& test) {
  const std::string_view user = session_.user;
  const std::size_t at = user.rfind('@');
  if (at == std::string_view::npos) return text_is_in(test, user);
  return address_is_in(test, {user.substr(0, at), user.substr(at + 1)});
}

}  // namespace ringpost::conf
