// `action NAME METHOD options`: maildir, mbox, mda, lmtp, forward-only and expand-only. The options
// of `relay` are in parse_relay.cpp.
#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "proto/conf/action_options.h"
#include "proto/conf/parser.h"

namespace ringpost::conf {
namespace {

constexpr std::string_view maildir_path_default = "~/Maildir";

struct MethodWord {
  std::string_view text;
  Method method;
};
constexpr std::array method_words =
    std::to_array<MethodWord>({{"maildir", Method::Maildir},
                               {"mbox", Method::Mbox},
                               {"mda", Method::Mda},
                               {"lmtp", Method::Lmtp},
                               {"forward-only", Method::ForwardOnly},
                               {"expand-only", Method::ExpandOnly},
                               {"relay", Method::Relay}});

}  // namespace

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
  if (!parse_action_method(*action)) return false;
  while (token_.kind == TokenKind::Keyword) {
    const bool is_local = action->method != Method::Relay || at("ttl");
    const bool goes_on =
        is_local ? parse_local_option(*action, options) : parse_relay_option(*action, options);
    if (!goes_on) return false;
  }
  actions_[name->text] = action.get();
  config_.actions.push_back(std::move(action));
  return true;
}

bool Parser::parse_action_method(Action& action) {
  const Token method = token_;
  const auto known = std::ranges::find(method_words, method.text, &MethodWord::text);
  if (method.kind != TokenKind::Keyword || known == method_words.end())
    return expected("a method: maildir, mbox, mda, lmtp, forward-only, expand-only or relay");
  action.method = known->method;
  advance();
  if (action.method == Method::Maildir) return parse_maildir(action);
  if (action.method == Method::Lmtp) return parse_lmtp(action);
  if (action.method != Method::Mda) return true;
  auto command = parse_command("a command");
  if (command) action.command = std::move(*command);
  return command.has_value();
}

bool Parser::parse_maildir(Action& action) {
  if (token_.is_string()) {
    set_path(action, token_);
    advance();
  } else {
    set_path(action, {.text = std::string(maildir_path_default)});
  }
  if (at("junk")) {
    action.junk = true;
    advance();
  }
  return true;
}

bool Parser::parse_lmtp(Action& action) {
  auto destination = expect_string("host:port or /socket");
  if (!destination) return false;
  if (destination->text.empty()) warning(destination->position, "there is no destination");
  action.lmtp_destination = std::move(destination->text);
  action.lmtp_rcpt_to = take_keyword("rcpt-to");
  return true;
}

// A format of which a part means nothing is kept: whatever needs it fails for now.
FormatString Parser::format_of(const Token& text) {
  auto format = FormatString::parse(text.text);
  if (format) return std::move(*format);
  Position position = text.position;
  const bool is_quoted = text.kind == TokenKind::Quoted;
  position.column += static_cast<std::uint32_t>(format.error().offset) + (is_quoted ? 1 : 0);
  warning(position, fmt::format("{}: no delivery can be made with this", format.error().text));
  return FormatString::unusable(text.text);
}

// A path that is not absolute lies in the home folder.
void Parser::set_path(Action& action, const Token& path) {
  if (path.text.empty()) {
    warning(path.position,
            fmt::format("the path of the maildir is empty: {} is used", maildir_path_default));
  }
  Token given = path;
  if (given.text.empty()) given.text = maildir_path_default;
  action.path = format_of(given);
  if (action.path.is_absolute() || action.path.is_unusable()) return;
  given.text.insert(0, "~/");
  action.path = format_of(given);
}

std::optional<FormatString> Parser::parse_command(std::string_view what) {
  const auto command = expect_string(what);
  if (!command) return std::nullopt;
  if (command->text.empty()) warning(command->position, "the command is empty");
  return format_of(*command);
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
    const bool takes_none = action.method == Method::Mbox || action.method == Method::ForwardOnly ||
                            action.method == Method::ExpandOnly;
    if (takes_none) {
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
    if (!parse_table_use(TableUse::UserMap, option.text, action.userbase)) return false;
    if (system_users_.contains(action.userbase)) action.userbase = nullptr;
    return true;
  }
  if (is("wrapper")) {
    const auto name = expect_string("the name of an mda wrapper");
    if (!name) return false;
    const auto known = wrappers_.find(name->text);
    if (known == wrappers_.end()) {
      error(name->position, fmt::format("no such mda wrapper: {}", describe(*name)));
    } else {
      action.wrapper = known->second;  // given again, the last one counts
    }
    if (action.method != Method::Mda)
      unsupported(option.position, "\"wrapper\" of a method that runs no command");
    return true;
  }
  once(options.ttl, option);
  action.ttl = expect_delay("ttl", seconds(1), delay_most);
  return action.ttl.has_value();
}

}  // namespace ringpost::conf
