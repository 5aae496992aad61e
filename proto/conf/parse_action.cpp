// `action NAME METHOD options`. Only maildir delivers so far; the other methods and `relay` with
// its options are understood and refused by name.
#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "proto/conf/parser.h"

namespace ringpost::conf {

inline constexpr std::string_view maildir_path_default = "~/Maildir";
inline constexpr Duration ttl_most = seconds(366LL * 86'400);

struct ActionOptions {
  bool is_local = true, is_mbox = false, has_no_user = false;  // of the method
  bool user = false, alias = false, virtual_ = false, userbase = false, wrapper = false,
       ttl = false;
  bool helo = false, helo_src = false, pki = false, ca = false, ciphers = false, protocols = false;
  bool src = false, mail_from = false, backup = false, host = false, tls = false, auth = false;
  bool filter = false, srs = false;
};

bool Parser::parse_action() {
  const auto name = expect_string("the name of an action");
  if (!name) return false;
  if (actions_.contains(name->text)) {
    error(name->position, fmt::format("action \"{}\" is already declared", name->text));
  }
  // Known from here on, so that rules which name it are not reported when only its options are
  // wrong.
  actions_.try_emplace(name->text, nullptr);
  auto action = std::make_unique<Action>();
  action->position = name->position;
  action->name = name->text;
  ActionOptions options;
  if (!parse_action_method(*action, options)) return false;
  while (token_.kind == TokenKind::Keyword) {
    const bool goes_on = options.is_local || at("ttl") ? parse_local_option(*action, options)
                                                       : parse_relay_option(*action, options);
    if (!goes_on) return false;
  }
  actions_[name->text] = action.get();
  config_.actions.push_back(std::move(action));
  return true;
}

bool Parser::parse_action_method(Action& action, ActionOptions& options) {
  const Token method = token_;
  struct Word {
    std::string_view text;
    Method method;
  };
  static constexpr std::array methods = std::to_array<Word>({{"maildir", Method::Maildir},
                                                             {"mbox", Method::Mbox},
                                                             {"mda", Method::Mda},
                                                             {"lmtp", Method::Lmtp},
                                                             {"forward-only", Method::ForwardOnly},
                                                             {"expand-only", Method::ExpandOnly},
                                                             {"relay", Method::Relay}});
  const auto known = std::ranges::find(methods, method.text, &Word::text);
  if (method.kind != TokenKind::Keyword || known == methods.end())
    return expected("a method: maildir, mbox, mda, lmtp, forward-only, expand-only or relay");
  action.method = known->method;
  advance();
  if (method.text == "maildir") return parse_maildir(action);
  unsupported(method.position, fmt::format("action \"{}\"", method.text));
  options.is_local = method.text != "relay";
  options.is_mbox = method.text == "mbox";
  options.has_no_user = method.text.ends_with("-only");
  if (method.text == "mda") return expect_string("a command").has_value();
  if (method.text != "lmtp") return true;
  options.user = true;  // it runs as the daemon's user
  if (!expect_string("host:port or /socket")) return false;
  take_keyword("rcpt-to");
  return true;
}

bool Parser::parse_maildir(Action& action) {
  if (token_.is_string()) {
    set_path(action, token_);
    advance();
  } else {
    set_path(action, {.text = std::string(maildir_path_default)});
  }
  if (at("junk")) {
    unsupported(token_.position, "\"maildir junk\"");
    advance();
  }
  return true;
}

// A path that is not absolute lies in the home folder.
void Parser::set_path(Action& action, const Token& path) {
  auto format = FormatString::parse(path.text);
  if (format && !format->is_absolute()) format = FormatString::parse("~/" + path.text);
  if (format && !path.text.empty() && !path.text.contains('\0')) {
    action.path = std::move(*format);
    return;
  }
  Position position = path.position;
  if (!format) {
    const bool is_quoted = path.kind == TokenKind::Quoted;
    position.column += static_cast<std::uint32_t>(format.error().offset) + (is_quoted ? 1 : 0);
  }
  error(position, format ? "the path of the maildir is empty" : format.error().text);
}

bool Parser::parse_local_option(Action& action, ActionOptions& options) {
  const Token option = token_;
  const auto is = [&option](std::string_view word) { return option.text == word; };
  static constexpr std::array words =
      std::to_array<std::string_view>({"user", "alias", "virtual", "userbase", "wrapper", "ttl"});
  if (std::ranges::find(words, option.text) == words.end())
    return expected("an option of the action");
  advance();
  if (is("user")) {
    auto user = expect_string("a user name");
    if (!user) return false;
    if (options.is_mbox || options.has_no_user) {
      error(option.position, "this method takes no user");
    } else if (once(options.user, option)) {
      action.user = std::move(user->text);
    }
    return true;
  }
  if (is("alias") || is("virtual")) {
    const bool is_second = options.alias || options.virtual_;
    if (is_second) error(option.position, "alias or virtual is already given for this action");
    (is("alias") ? options.alias : options.virtual_) = true;
    const Table*& table = is("alias") ? action.aliases : action.virtuals;
    const Table* unused = nullptr;
    return parse_table_use(TableUse::AliasMap, option.text, is_second ? unused : table);
  }
  if (is("userbase")) {
    once(options.userbase, option);
    return parse_table_use(TableUse::UserMap, option.text, action.userbase);
  }
  if (is("wrapper")) {
    const auto name = expect_string("the name of an mda wrapper");
    if (!name) return false;
    once(options.wrapper, option);
    if (!wrappers_.contains(name->text)) {
      error(name->position, fmt::format("no such mda wrapper: {}", describe(*name)));
    }
    unsupported(option.position, "\"wrapper\"");
    return true;
  }
  once(options.ttl, option);
  action.ttl = expect_delay("ttl", seconds(1), ttl_most);
  return action.ttl.has_value();
}

// The action is refused already as a whole; its options are only checked.
bool Parser::parse_relay_option(Action& action, ActionOptions& options) {
  struct Option {
    std::string_view word;
    bool ActionOptions::* seen;
    enum { None, Text, List, Map } value;
  };
  static constexpr std::array known = std::to_array<Option>({
      {"helo", &ActionOptions::helo, Option::Text},
      {"helo-src", &ActionOptions::helo_src, Option::Map},
      {"pki", &ActionOptions::pki, Option::Text},
      {"ca", &ActionOptions::ca, Option::Text},
      {"ciphers", &ActionOptions::ciphers, Option::Text},
      {"protocols", &ActionOptions::protocols, Option::Text},
      {"src", &ActionOptions::src, Option::List},
      {"mail-from", &ActionOptions::mail_from, Option::Text},
      {"host", &ActionOptions::host, Option::List},
      {"domain", &ActionOptions::host, Option::Map},
      {"auth", &ActionOptions::auth, Option::Map},
      {"backup", &ActionOptions::backup, Option::None},
      {"tls", &ActionOptions::tls, Option::None},
      {"srs", &ActionOptions::srs, Option::None},
      {"filter", &ActionOptions::filter, Option::None},
  });
  const Token option = token_;
  const auto found = std::ranges::find(known, option.text, &Option::word);
  if (found == known.end()) return expected("an option of relay");
  advance();
  once(options.*found->seen, option);
  if (option.text == "auth" && !options.host) {
    error(option.position, "auth needs a host before it");
  }
  if (options.backup && options.host &&
      (option.text == "backup" || found->seen == &ActionOptions::host)) {
    error(option.position, "backup and host exclude each other");
  }
  if (option.text == "srs" && !has_srs_key_)
    error(option.position, "srs needs an srs key before it");
  if (found->value == Option::Text) {
    return expect_string(fmt::format("a text for \"{}\"", option.text)).has_value();
  }
  if (found->value != Option::None) {
    const auto use = found->value == Option::Map ? TableUse::OtherMap : TableUse::StringList;
    const Table* unused = action.userbase;
    return parse_table_use(use, option.text, unused);
  }
  if (option.text == "filter") return parse_filter_reference();
  if (option.text == "tls") take_keyword("no-verify");
  if (option.text == "backup" && take_keyword("mx"))
    return expect_string("a host name").has_value();
  return true;
}

}  // namespace ringpost::conf
