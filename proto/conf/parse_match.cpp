// `match options action NAME` and `match options reject`. A rule without `from` is for local
// clients, one without `for` for local names.
#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "proto/conf/parser.h"

namespace ringpost::conf {

struct MatchOptions {
  bool from = false, for_ = false, tag = false, helo = false, mail_from = false, rcpt_to = false;
  bool auth = false, tls = false;
};

bool Parser::parse_match() {
  Rule rule{.position = token_.position};
  MatchOptions options;
  while (!at("action") && !at("reject")) {
    if (!parse_match_option(rule, options)) return false;
  }
  if (take_keyword("action")) {
    const auto name = expect_string("the name of an action");
    if (!name) return false;
    const auto action = actions_.find(name->text);
    if (action == actions_.end()) {
      error(name->position,
            fmt::format("no such action: {} (an action stands before the rules that "
                        "name it)",
                        describe(*name)));
    } else {
      rule.action = action->second;
    }
  } else {
    advance();
  }
  rule.number = static_cast<std::uint32_t>(config_.rules.size() + 1);
  config_.rules.push_back(std::move(rule));
  return true;
}

bool Parser::parse_match_option(Rule& rule, MatchOptions& options) {
  const bool negated = take_symbol('!');
  const Token option = token_;
  static constexpr std::array words = std::to_array<std::string_view>(
      {"from", "for", "tag", "helo", "mail-from", "rcpt-to", "auth", "tls"});
  const bool is_known =
      option.kind == TokenKind::Keyword && std::ranges::find(words, option.text) != words.end();
  if (!is_known) {
    return expected(negated ? "an option of match behind '!'"
                            : "an option of match, \"action\" or \"reject\"");
  }
  advance();
  const auto is = [&option](std::string_view word) { return option.text == word; };
  if (is("from")) {
    once(options.from, option);
    return parse_match_from(rule, options, negated);
  }
  if (is("for")) {
    once(options.for_, option);
    return parse_match_for(rule, options, negated);
  }
  if (is("tls")) {
    once(options.tls, option);
    rule.tls = negated ? Demand::No : Demand::Yes;
    return true;
  }
  if (is("auth")) {
    once(options.auth, option);
    rule.auth = negated ? Demand::No : Demand::Yes;
    return parse_optional_match_table(rule.auth_user, TableUse::StringList, option.text, false);
  }
  if (is("tag")) {
    once(options.tag, option);
    return parse_match_test(rule.tag, TableUse::StringList, option.text, negated);
  }
  if (is("helo")) {
    once(options.helo, option);
    return parse_match_test(rule.helo, TableUse::DomainList, option.text, negated);
  }
  once(is("mail-from") ? options.mail_from : options.rcpt_to, option);
  return parse_match_test(is("mail-from") ? rule.mail_from : rule.rcpt_to,
                          TableUse::MailAddressList, option.text, negated);
}

// [regex] T
bool Parser::parse_match_test(TableTest& test, TableUse use, std::string_view option,
                              bool negated) {
  const Position position = token_.position;
  test.regex = take_keyword("regex");
  test.negated = negated;
  if (test.regex && use != TableUse::Other) use = TableUse::StringList;
  if (!parse_table_use(use, option, test.table)) return false;
  if (test.regex && test.table != nullptr) check_pattern_rows(*test.table, position);
  return true;
}

// [[regex] T]
bool Parser::parse_optional_match_table(TableTest& test, TableUse use, std::string_view option,
                                        bool negated) {
  test = {};
  test.negated = negated;
  return !(at("regex") || at_table()) || parse_match_test(test, use, option, negated);
}

bool Parser::parse_match_from(Rule& rule, MatchOptions& options, bool negated) {
  const Token kind = token_;
  static constexpr std::array words = std::to_array<std::string_view>(
      {"any", "local", "socket", "src", "rdns", "auth", "mail-from"});
  const bool is_known =
      kind.kind == TokenKind::Keyword && std::ranges::find(words, kind.text) != words.end();
  if (!is_known) return expected("any, local, socket, src, rdns, auth or mail-from behind from");
  advance();
  const auto is = [&kind](std::string_view word) { return kind.text == word; };
  rule.from = FromKind::Any;
  // `auth` and `mail-from` behind `from` override such a test that stands alone, as in OpenSMTPD.
  if (is("auth")) {
    options.auth = true;
    rule.auth = negated ? Demand::No : Demand::Yes;
    return parse_optional_match_table(rule.auth_user, TableUse::StringList, "from auth", false);
  }
  if (is("mail-from")) {
    options.mail_from = true;
    return parse_match_test(rule.mail_from, TableUse::MailAddressList, "from mail-from", negated);
  }
  rule.from_test.negated = negated;
  if (is("rdns")) {
    rule.from = FromKind::ReverseName;
    return parse_optional_match_table(rule.from_test, TableUse::DomainList, "from rdns", negated);
  }
  if (is("src")) {
    rule.from = FromKind::Source;
    return parse_match_test(rule.from_test, TableUse::AddressList, "from src", negated);
  }
  if (is("local")) rule.from = FromKind::Local;
  if (is("socket")) rule.from = FromKind::Socket;
  return true;
}

bool Parser::parse_match_for(Rule& rule, MatchOptions& options, bool negated) {
  const Token kind = token_;
  static constexpr std::array words =
      std::to_array<std::string_view>({"any", "local", "domain", "rcpt-to"});
  const bool is_known =
      kind.kind == TokenKind::Keyword && std::ranges::find(words, kind.text) != words.end();
  if (!is_known) return expected("any, local, domain or rcpt-to behind for");
  advance();
  if (kind.text == "rcpt-to") {
    options.rcpt_to = true;
    rule.for_ = ForKind::Any;
    return parse_match_test(rule.rcpt_to, TableUse::MailAddressList, "for rcpt-to", negated);
  }
  rule.for_test.negated = negated;
  if (kind.text == "any") rule.for_ = ForKind::Any;
  if (kind.text == "local") rule.for_ = ForKind::Local;
  if (kind.text != "domain") return true;
  rule.for_ = ForKind::Domain;
  return parse_match_test(rule.for_test, TableUse::DomainList, "for domain", negated);
}

}  // namespace ringpost::conf
