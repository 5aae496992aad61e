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
    unsupported(option.position, "match \"tls\"");
    return true;
  }
  if (is("auth")) {
    once(options.auth, option);
    unsupported(option.position, "match \"auth\"");
    return parse_optional_match_table(TableUse::StringList, option.text);
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
  if (at("regex")) {
    unsupported(token_.position, fmt::format("\"{} regex\"", option));
    advance();
    use = TableUse::StringList;
  }
  test.negated = negated;
  return parse_table_use(use, option, test.table);
}

// [[regex] T]
bool Parser::parse_optional_match_table(TableUse use, std::string_view option) {
  TableTest unused;
  if (at("regex")) return parse_match_test(unused, use, option, false);
  return parse_optional_table(use, option);
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
  if (is("rdns")) {
    unsupported(kind.position, "\"from rdns\"");
    return parse_optional_match_table(TableUse::DomainList, kind.text);
  }
  if (is("auth")) {
    once(options.auth, kind);
    unsupported(kind.position, "\"from auth\"");
    return parse_optional_match_table(TableUse::StringList, kind.text);
  }
  if (is("mail-from")) {
    once(options.mail_from, kind);
    return parse_match_test(rule.mail_from, TableUse::MailAddressList, "from mail-from", negated);
  }
  rule.from_test.negated = negated;
  if (is("src")) {
    TableTest source;
    rule.from = FromKind::Source;
    if (!parse_match_test(source, TableUse::AddressList, "from src", false)) return false;
    rule.from_test.table = source.table;
    return true;
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
    once(options.rcpt_to, kind);
    rule.for_ = ForKind::Any;
    return parse_match_test(rule.rcpt_to, TableUse::MailAddressList, "for rcpt-to", negated);
  }
  rule.for_test.negated = negated;
  if (kind.text == "any") rule.for_ = ForKind::Any;
  if (kind.text == "local") rule.for_ = ForKind::Local;
  if (kind.text != "domain") return true;
  TableTest domains;
  rule.for_ = ForKind::Domain;
  if (!parse_match_test(domains, TableUse::DomainList, "for domain", false)) return false;
  rule.for_test.table = domains.table;
  return true;
}

}  // namespace ringpost::conf
