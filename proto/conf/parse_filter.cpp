// pki, ca, proc and filter: names, files, commands and conditions, kept for the parts that act on
// them. What names something must stand behind it.
#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "proto/base/ascii.h"
#include "proto/conf/parser.h"
#include "proto/smtp/refusal.h"

namespace ringpost::conf {
namespace {

using filter::Phase;

constexpr std::size_t host_name_octets_max = 255;
constexpr Duration answer_least = milliseconds(100);
constexpr Duration answer_most = seconds(3600);

// What a host name may hold; enough to tell a name from a slip of the pen.
bool is_host_name(std::string_view text) {
  return text.size() <= host_name_octets_max && std::ranges::all_of(text, [](char c) {
           return ascii::is_alnum(c) || c == '-' || c == '.' || c == '_';
         });
}

struct DheWord {
  std::string_view text;
  DheMode mode;
};
constexpr std::array dhe_words = std::to_array<DheWord>(
    {{"none", DheMode::None}, {"auto", DheMode::Auto}, {"legacy", DheMode::Legacy}});

// Processes know more.
constexpr std::array builtin_phases =
    std::to_array<Phase>({Phase::Connect, Phase::Helo, Phase::Ehlo, Phase::Auth, Phase::MailFrom,
                          Phase::RcptTo, Phase::Data, Phase::Commit});

struct ConditionWord {
  std::string_view text;
  FilterCondition condition;
  Phase first_phase, last_phase;  // that know it
  bool may_stand_alone, may_have_table;
};
constexpr std::array condition_words = std::to_array<ConditionWord>({
    {"fcrdns", FilterCondition::Fcrdns, Phase::Connect, Phase::Commit, true, false},
    {"rdns", FilterCondition::Rdns, Phase::Connect, Phase::Commit, true, true},
    {"src", FilterCondition::Source, Phase::Connect, Phase::Commit, false, true},
    {"helo", FilterCondition::Helo, Phase::Helo, Phase::Commit, false, true},
    {"auth", FilterCondition::Auth, Phase::Auth, Phase::Commit, true, true},
    {"mail-from", FilterCondition::MailFrom, Phase::MailFrom, Phase::Commit, false, true},
    {"rcpt-to", FilterCondition::RcptTo, Phase::RcptTo, Phase::RcptTo, false, true},
    {"spf", FilterCondition::Spf, Phase::Commit, Phase::Commit, false, true},
    {"dkim", FilterCondition::Dkim, Phase::Commit, Phase::Commit, false, true},
    {"dmarc", FilterCondition::Dmarc, Phase::Commit, Phase::Commit, false, true},
    {"arc", FilterCondition::Arc, Phase::Commit, Phase::Commit, false, true},
    {"iprev", FilterCondition::Iprev, Phase::Commit, Phase::Commit, false, true},
});

struct DecisionWord {
  std::string_view text;
  FilterDecision decision;
};
constexpr std::array decision_words =
    std::to_array<DecisionWord>({{"reject", FilterDecision::Reject},
                                 {"disconnect", FilterDecision::Disconnect},
                                 {"rewrite", FilterDecision::Rewrite},
                                 {"report", FilterDecision::Report},
                                 {"junk", FilterDecision::Junk},
                                 {"bypass", FilterDecision::Bypass}});

}  // namespace

bool Parser::parse_pki() {
  const auto name = expect_string("the name of a pki");
  if (!name) return false;
  if (name->text != "*" && !is_host_name(name->text)) {
    error(name->position, fmt::format("{} is not a domain name", describe(*name)));
  }
  auto& pki = pkis_[ascii::lower(name->text)];
  if (pki == nullptr) {
    pki = std::make_unique<Pki>();
    pki->position = name->position;
    pki->name = ascii::lower(name->text);
  }
  for (;;) {
    if (take_keyword("cert")) {
      auto path = expect_string("the path of a certificate");
      if (!path) return false;
      pki->certificate_path = std::move(path->text);
    } else if (take_keyword("key")) {
      auto path = expect_string("the path of a key");
      if (!path) return false;
      pki->key_path = std::move(path->text);
    } else if (take_keyword("dhe")) {
      const auto mode = expect_string("none, auto or legacy");
      if (!mode) return false;
      const auto word =
          std::ranges::find(dhe_words, std::string_view(ascii::lower(mode->text)), &DheWord::text);
      if (word == dhe_words.end()) {
        error(mode->position, fmt::format("invalid dhe mode {}", describe(*mode)));
      } else {
        pki->dhe = word->mode;
      }
    } else {
      return true;
    }
  }
}

bool Parser::parse_ca() {
  const auto name = expect_string("the name of a ca");
  if (!name) return false;
  if (name->text != "*" && !is_host_name(name->text)) {
    error(name->position, fmt::format("{} is not a domain name", describe(*name)));
  }
  if (!expect_keyword("cert")) return false;
  auto path = expect_string("the path of a certificate");
  if (!path) return false;
  auto& ca = cas_[ascii::lower(name->text)];
  if (ca == nullptr) {
    ca = std::make_unique<CertificateAuthority>();
    ca->position = name->position;
    ca->name = ascii::lower(name->text);
  }
  ca->certificate_path = std::move(path->text);
  return true;
}

void Parser::check_pkis() {
  for (const auto& [name, pki] : pkis_) {
    if (pki->certificate_path.empty())
      error(pki->position, fmt::format("pki \"{}\" has no certificate file", name));
    if (pki->key_path.empty())
      error(pki->position, fmt::format("pki \"{}\" has no key file", name));
  }
}

bool Parser::parse_proc() {
  const auto name = expect_string("the name of a process");
  if (!name) return false;
  if (processes_.contains(name->text)) {
    error(name->position, fmt::format("proc \"{}\" is already declared", name->text));
  }
  FilterProcess process{.position = name->position,
                        .name = name->text,
                        .command = {},
                        .user = {},
                        .group = {},
                        .chroot = {}};
  if (!parse_process(process)) return false;
  processes_.try_emplace(name->text, add_process(std::move(process)));
  return true;
}

const FilterProcess* Parser::add_process(FilterProcess process) {
  config_.processes.push_back(std::make_unique<FilterProcess>(std::move(process)));
  return config_.processes.back().get();
}

// "command" [user U] [group G] [chroot D] [fail-open | fail-closed] [answer-timeout D]
bool Parser::parse_process(FilterProcess& process) {
  auto command = expect_string("a command");
  if (!command) return false;
  process.command = std::move(command->text);
  struct Option {
    std::string_view word;
    std::string FilterProcess::* value;
    bool seen = false;
  };
  std::array options = std::to_array<Option>({{"user", &FilterProcess::user},
                                              {"group", &FilterProcess::group},
                                              {"chroot", &FilterProcess::chroot}});
  bool failure_seen = false, limit_seen = false;
  for (;;) {
    const Token word = token_;
    if (take_word("fail-open") || take_word("fail-closed")) {
      once(failure_seen, word);
      process.fail_open = word.text == "fail-open";
      continue;
    }
    if (take_word("answer-timeout")) {
      once(limit_seen, word);
      const auto limit = expect_delay("answer-timeout", answer_least, answer_most);
      if (!limit) return false;
      process.answer_max = *limit;
      continue;
    }
    const auto option = std::ranges::find(options, word.text, &Option::word);
    if (word.kind != TokenKind::Keyword || option == options.end()) return true;
    advance();
    once(option->seen, word);
    auto value = expect_string(fmt::format("a text for \"{}\"", word.text));
    if (!value) return false;
    process.*option->value = std::move(value->text);
  }
}

bool Parser::parse_filter() {
  const auto name = expect_string("the name of a filter");
  if (!name) return false;
  const auto [known, is_new] = filters_.try_emplace(name->text, nullptr);
  if (!is_new) {
    error(name->position, fmt::format("filter \"{}\" is already declared", name->text));
  }
  auto filter = std::make_unique<Filter>();
  filter->position = name->position;
  filter->name = name->text;
  bool is_complete = false;
  if (take_keyword("proc")) {
    const auto proc = expect_string("the name of a process");
    if (!proc) return false;
    const auto process = processes_.find(proc->text);
    is_complete = true;
    filter->kind = FilterKind::Process;
    if (process == processes_.end()) {
      error(proc->position, fmt::format("no such proc: {}", describe(*proc)));
    } else {
      filter->process = process->second;
    }
  } else if (take_keyword("proc-exec")) {
    FilterProcess process{.position = name->position,
                          .name = name->text,
                          .command = {},
                          .user = {},
                          .group = {},
                          .chroot = {}};
    filter->kind = FilterKind::Process;
    is_complete = parse_process(process);
    filter->process = add_process(std::move(process));
    if (is_complete) processes_.insert_or_assign(name->text, filter->process);
  } else if (take_keyword("phase")) {
    is_complete = parse_filter_phase(*filter);
  } else if (take_keyword("chain")) {
    is_complete = parse_filter_chain(*filter);
  } else if (take_word("builtin")) {
    is_complete = parse_native(*filter);
  } else {
    expected("proc, proc-exec, phase, chain or builtin");
  }
  if (!is_complete) return false;
  known->second = filter.get();
  config_.filters.push_back(std::move(filter));
  return true;
}

// The filters of a chain: known ones, no chain among them, none twice.
bool Parser::parse_filter_chain(Filter& filter) {
  filter.kind = FilterKind::Chain;
  std::vector<Token> names;
  if (!parse_list("the name of a filter", names)) return false;
  for (const Token& name : names) {
    const auto found = filters_.find(name.text);
    if (found == filters_.end()) {
      error(name.position, fmt::format("no such filter: {}", describe(name)));
      continue;
    }
    const Filter* link = found->second;
    if (link == nullptr) continue;  // reported where it is defined
    const auto has_same_process = [link](const Filter* other) {
      return link->process != nullptr && other->process == link->process;
    };
    if (link->kind == FilterKind::Chain) {
      error(name.position,
            fmt::format("{} is a chain and cannot stand in a chain", describe(name)));
    } else if (std::ranges::find(filter.chain, link) != filter.chain.end()) {
      error(name.position, fmt::format("filter {} stands twice in the chain", describe(name)));
    } else if (std::ranges::any_of(filter.chain, has_same_process)) {
      warning(name.position,
              fmt::format("proc \"{}\" stands twice in the chain", link->process->name));
    }
    filter.chain.push_back(link);
  }
  return true;
}

// A filter's name or a chain in braces.
bool Parser::parse_filter_reference(const Filter*& filter) {
  if (token_.is_symbol('{')) {
    auto chain = std::make_unique<Filter>();
    chain->position = token_.position;
    if (!parse_filter_chain(*chain)) return false;
    filter = chain.get();
    config_.filters.push_back(std::move(chain));
    return true;
  }
  const auto name = expect_string("the name of a filter or a chain in braces");
  if (!name) return false;
  const auto found = filters_.find(name->text);
  if (found == filters_.end()) {
    error(name->position, fmt::format("no such filter: {}", describe(*name)));
  } else {
    filter = found->second;
  }
  return true;
}

bool Parser::parse_filter_phase(Filter& filter) {
  const std::string word = token_.text;
  const auto phase =
      std::ranges::find(builtin_phases, word, [](Phase one) { return filter::word_of(one); });
  if (token_.kind != TokenKind::Keyword || phase == builtin_phases.end()) {
    return expected("a phase: connect, helo, ehlo, auth, mail-from, rcpt-to, data or commit");
  }
  filter.phase = *phase;
  advance();
  if (!expect_keyword("match")) return false;
  filter.test.negated = take_symbol('!');
  return parse_filter_condition(filter, word) && parse_filter_decision(filter);
}

bool Parser::parse_filter_decision(Filter& filter) {
  // Before upstream's tests of this phase the client has been told nothing yet either, but its
  // grammar has no such decisions there.
  const bool is_commit = filter.phase == Phase::Commit && !is_of_results(filter.condition);
  const auto word = std::ranges::find(decision_words, token_.text, &DecisionWord::text);
  const bool is_known = token_.kind == TokenKind::Keyword && word != decision_words.end();
  const bool is_bare = is_known && (word->decision == FilterDecision::Junk ||
                                    word->decision == FilterDecision::Bypass);
  if (!is_known || (is_commit && is_bare)) {
    return expected(is_commit ? "reject, disconnect, rewrite or report"
                              : "reject, disconnect, rewrite, report, junk or bypass");
  }
  filter.decision = word->decision;
  advance();
  if (is_bare) return true;
  auto text = expect_string(fmt::format("a text for \"{}\"", word->text));
  if (!text) return false;
  const bool is_reply =
      filter.decision == FilterDecision::Reject || filter.decision == FilterDecision::Disconnect;
  if (is_reply && !smtp::parse_refusal(text->text)) {
    // Upstream takes it, and finds out when a client is to hear it.
    warning(text->position, fmt::format("{} is no reply that refuses, with a code from 400 to 599: "
                                        "clients will get \"421 Internal server error\"",
                                        describe(*text)));
  }
  filter.text = std::move(text->text);
  return true;
}

// One condition, of those that the phase knows.
bool Parser::parse_filter_condition(Filter& filter, std::string_view phase) {
  const Token word = token_;
  const auto found = std::ranges::find(condition_words, word.text, &ConditionWord::text);
  const bool is_word = word.kind == TokenKind::Keyword || word.kind == TokenKind::Word;
  const bool is_known = is_word && found != condition_words.end() &&
                        filter.phase >= found->first_phase && filter.phase <= found->last_phase;
  if (!is_known) return expected(fmt::format("a condition that phase {} knows", phase));
  filter.condition = found->condition;
  advance();
  if (is_of_results(found->condition)) return parse_result_condition(filter, word.text);
  const bool has_table = found->may_have_table && (at("regex") || at_table());
  if (!has_table) return found->may_stand_alone || expected("a table or a value");
  const TableUse use =
      found->condition == FilterCondition::Source ? TableUse::Addresses : TableUse::Other;
  return parse_match_test(filter.test, use, word.text, filter.test.negated);
}

}  // namespace ringpost::conf
