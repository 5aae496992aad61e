// pki, ca, proc and filter: the grammar and the names are checked; nothing acts on them yet.
#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "proto/base/ascii.h"
#include "proto/conf/parser.h"

namespace ringpost::conf {
namespace {

// What a host name may hold; enough to tell a name from a slip of the pen.
bool is_host_name(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return ascii::is_alnum(c) || c == '-' || c == '.' || c == '_';
  });
}

}  // namespace

bool Parser::parse_pki() {
  const auto name = expect_string("the name of a pki");
  if (!name) return false;
  unsupported(name->position, "\"pki\"");
  if (name->text != "*" && !is_host_name(name->text)) {
    error(name->position, fmt::format("{} is not a domain name", describe(*name)));
  }
  Pki& pki =
      pkis_.try_emplace(ascii::lower(name->text), Pki{.position = name->position}).first->second;
  for (;;) {
    if (take_keyword("cert")) {
      pki.has_cert = true;
      if (!expect_string("the path of a certificate")) return false;
    } else if (take_keyword("key")) {
      pki.has_key = true;
      if (!expect_string("the path of a key")) return false;
    } else if (take_keyword("dhe")) {
      const auto mode = expect_string("none, auto or legacy");
      if (!mode) return false;
      static constexpr std::array modes =
          std::to_array<std::string_view>({"none", "auto", "legacy"});
      if (std::ranges::find(modes, ascii::lower(mode->text)) == modes.end()) {
        error(mode->position, fmt::format("invalid dhe mode {}", describe(*mode)));
      }
    } else {
      return true;
    }
  }
}

bool Parser::parse_ca() {
  const auto name = expect_string("the name of a ca");
  if (!name) return false;
  unsupported(name->position, "\"ca\"");
  if (name->text != "*" && !is_host_name(name->text)) {
    error(name->position, fmt::format("{} is not a domain name", describe(*name)));
  }
  return expect_keyword("cert") && expect_string("the path of a certificate");
}

bool Parser::parse_proc() {
  const auto name = expect_string("the name of a process");
  if (!name) return false;
  unsupported(name->position, "\"proc\"");
  if (!procs_.insert(name->text).second) {
    error(name->position, fmt::format("proc \"{}\" is already declared", name->text));
  }
  return expect_string("a command") && parse_proc_options();
}

bool Parser::parse_proc_options() {
  static constexpr std::array words = std::to_array<std::string_view>({"user", "group", "chroot"});
  std::array<bool, words.size()> seen{};
  for (;;) {
    const Token option = token_;
    const auto word = std::ranges::find(words, option.text);
    if (option.kind != TokenKind::Keyword || word == words.end()) return true;
    advance();
    once(seen[static_cast<std::size_t>(word - words.begin())], option);
    if (!expect_string(fmt::format("a text for \"{}\"", option.text))) return false;
  }
}

bool Parser::parse_filter() {
  const auto name = expect_string("the name of a filter");
  if (!name) return false;
  unsupported(name->position, "\"filter\"");
  if (filters_.contains(name->text)) {
    error(name->position, fmt::format("filter \"{}\" is already declared", name->text));
  }
  Filter filter;
  bool is_complete = false;
  if (take_keyword("proc")) {
    const auto proc = expect_string("the name of a process");
    is_complete = proc.has_value();
    if (proc && !procs_.contains(proc->text)) {
      error(proc->position, fmt::format("no such proc: {}", describe(*proc)));
    }
    if (proc) filter.proc = proc->text;
  } else if (take_keyword("proc-exec")) {
    filter.proc = name->text;
    is_complete = expect_string("a command") && parse_proc_options();
  } else if (take_keyword("phase")) {
    is_complete = parse_filter_phase();
  } else if (take_keyword("chain")) {
    filter.is_chain = true;
    is_complete = parse_filter_chain();
  } else {
    expected("proc, proc-exec, phase or chain");
  }
  filters_.try_emplace(name->text, std::move(filter));
  return is_complete;
}

// The filters of a chain: known ones, no chain among them, none twice, no process twice.
bool Parser::parse_filter_chain() {
  std::vector<Token> names;
  if (!parse_list("the name of a filter", names)) return false;
  std::set<std::string> seen, procs;
  for (const Token& name : names) {
    const auto filter = filters_.find(name.text);
    if (filter == filters_.end()) {
      error(name.position, fmt::format("no such filter: {}", describe(name)));
      continue;
    }
    if (filter->second.is_chain) {
      error(name.position,
            fmt::format("{} is a chain and cannot stand in a chain", describe(name)));
    }
    if (!seen.insert(name.text).second) {
      error(name.position, fmt::format("filter {} stands twice in the chain", describe(name)));
    } else if (!filter->second.proc.empty() && !procs.insert(filter->second.proc).second) {
      error(name.position,
            fmt::format("proc \"{}\" stands twice in the chain", filter->second.proc));
    }
  }
  return true;
}

// A filter's name or a chain in braces.
bool Parser::parse_filter_reference() {
  if (token_.is_symbol('{')) return parse_filter_chain();
  const auto name = expect_string("the name of a filter or a chain in braces");
  if (!name) return false;
  if (!filters_.contains(name->text)) {
    error(name->position, fmt::format("no such filter: {}", describe(*name)));
  }
  return true;
}

bool Parser::parse_filter_phase() {
  static constexpr std::array phases = std::to_array<std::string_view>(
      {"connect", "helo", "ehlo", "auth", "mail-from", "rcpt-to", "data", "commit"});
  const std::string phase = token_.text;
  const bool is_known =
      token_.kind == TokenKind::Keyword && std::ranges::find(phases, phase) != phases.end();
  if (!is_known) {
    return expected("a phase: connect, helo, ehlo, auth, mail-from, rcpt-to, data or commit");
  }
  advance();
  if (!expect_keyword("match")) return false;
  take_symbol('!');
  if (!parse_filter_condition(phase)) return false;
  const Token decision = token_;
  if (phase != "commit" && (take_keyword("junk") || take_keyword("bypass"))) return true;
  for (const std::string_view word : {"reject", "disconnect", "rewrite", "report"}) {
    if (take_keyword(word))
      return expect_string(fmt::format("a text for \"{}\"", word)).has_value();
  }
  return expected(phase == "commit" ? "reject, disconnect, rewrite or report"
                                    : "reject, disconnect, rewrite, report, junk or bypass");
}

// One condition, of those that the phase knows.
bool Parser::parse_filter_condition(std::string_view phase) {
  struct Condition {
    std::string_view word;
    std::string_view phases;  // those that know it, between blanks
    bool may_stand_alone, may_have_table;
  };
  static constexpr std::string_view every =
      " connect helo ehlo auth mail-from rcpt-to data commit ";
  static constexpr std::string_view after_helo = " helo ehlo auth mail-from rcpt-to data commit ";
  static constexpr std::string_view after_auth = " auth mail-from rcpt-to data commit ";
  static constexpr std::string_view after_mail = " mail-from rcpt-to data commit ";
  static constexpr std::array conditions = std::to_array<Condition>({
      {"fcrdns", every, true, false},
      {"rdns", every, true, true},
      {"src", every, false, true},
      {"helo", after_helo, false, true},
      {"auth", after_auth, true, true},
      {"mail-from", after_mail, false, true},
      {"rcpt-to", " rcpt-to ", false, true},
  });
  const Token word = token_;
  const auto found = std::ranges::find(conditions, word.text, &Condition::word);
  const bool is_known = word.kind == TokenKind::Keyword && found != conditions.end() &&
                        found->phases.contains(fmt::format(" {} ", phase));
  if (!is_known) return expected(fmt::format("a condition that phase {} knows", phase));
  advance();
  const bool has_table = found->may_have_table && (at("regex") || at_table());
  if (!has_table) return found->may_stand_alone || expected("a table or a value");
  take_keyword("regex");
  const Table* unused = nullptr;
  return parse_table_use(TableUse::StringList, word.text, unused);
}

}  // namespace ringpost::conf
