// The lists that an expansion meets, and what is asked on the way: aliases, virtual addresses,
// included files, users.
#include <utility>

#include <fmt/format.h>

#include "proto/base/ascii.h"
#include "proto/conf/expander.h"

namespace ringpost::conf {

bool Expander::insert_targets(std::string_view value, const Source& source) {
  AliasTargets targets(value);
  while (const auto target = targets.next()) {
    if (!*target) return fail_for_now(fmt::format("an alias is malformed: {}", target->error()));
    if (!insert_target(**target, source)) return false;
  }
  return true;
}

bool Expander::insert_target(const AliasTarget& target, const Source& source) {
  const Action& action = *source.rule->action;
  const bool is_mailbox = target.kind == AliasKind::Address || target.kind == AliasKind::User;
  if (action.method == Method::ForwardOnly && !is_mailbox && target.kind != AliasKind::Include) {
    return fail_for_now(
        fmt::format("action {} only forwards: no files, commands or errors", action.name));
  }
  switch (target.kind) {
    case AliasKind::Error:
      result_.reply_code = target.code;
      result_.reply_text = target.text;
      return stop(Outcome::Error);
    case AliasKind::Include:
      // A file that is included includes no other.
      return source.is_included || insert_included(target.text, source);
    case AliasKind::Command:
    case AliasKind::File:
      return deliver_directly(target, source);
    case AliasKind::Address:
      return insert({.user = std::string(target.user), .domain = std::string(target.domain)},
                    source.parent);
    case AliasKind::User:
      break;
  }
  Node node{.kind = NodeKind::User, .rule = source.rule, .user = ascii::lower(target.user)};
  const Node& from = nodes_[source.parent];
  node.skips_aliases = from.kind == NodeKind::User && from.user == node.user;
  node.skips_forward = node.skips_aliases && source.forwarder != nullptr;
  return insert(std::move(node), source.parent);
}

bool Expander::insert_included(std::string_view path, const Source& source) {
  Answer answer;
  IncludeQuestion question{std::string(path), {}};
  if (!ask(question, answer)) return false;
  if (answer.state == AnswerState::NotFound) {
    return fail_for_now(fmt::format("the included file {} is missing", path));
  }
  Source included = source;
  included.is_included = true;
  AliasFile file(answer.text);
  while (const auto target = file.next()) {
    if (!*target) {
      return fail_for_now(fmt::format("{}:{}: {}", path, file.line(), target->error()));
    }
    if (!insert_target(**target, included)) return false;
  }
  return true;
}

// A file or command, as the user of the .forward or the one the action names, else the daemon's.
bool Expander::deliver_directly(const AliasTarget& target, const Source& source) {
  const Action& action = *source.rule->action;
  const bool is_command = target.kind == AliasKind::Command;
  Delivery delivery{.action = &action,
                    .rule = source.rule,
                    .kind = is_command ? DeliveryKind::Command : DeliveryKind::File,
                    .target = std::string(target.text)};
  if (source.forwarder != nullptr) {
    if (source.forwarder->uid == 0) {
      return fail_for_now(fmt::format("the .forward of {} may not {}", source.forwarder->username,
                                      is_command ? "run commands" : "write to files"));
    }
    delivery.user = *source.forwarder;
  } else if (!action.user.empty()) {
    Answer answer;
    if (!ask(UserQuestion{action.user}, answer)) return false;
    if (answer.state == AnswerState::NotFound) {
      return fail_for_now(
          fmt::format("there is no user {} of action {}", action.user, action.name));
    }
    delivery.user = std::move(answer.user);
  }
  return deliver(std::move(delivery), nodes_[source.parent]);
}

// False when there is no answer to go on with.
bool Expander::ask(Question question, Answer& answer) {
  answer = lookups_.ask(question);
  if (answer.state == AnswerState::Later) return wait_for(std::move(question));
  if (answer.state == AnswerState::TemporaryFailure) return fail_for_now(std::move(answer.text));
  return true;
}

bool Expander::ask_user(const Table* userbase, std::string_view name, UserInfo& user) {
  if (userbase == nullptr) {
    Answer answer;
    if (!ask(UserQuestion{std::string(name)}, answer)) return false;
    user = std::move(answer.user);
    return answer.state == AnswerState::Found || stop(Outcome::Unknown);
  }
  Lookup found;
  if (!find(*userbase, TableService::UserInfo, name, {}, {}, found)) return false;
  if (!found.is_found) return stop(Outcome::Unknown);
  auto info = parse_user_info(name, found.value);
  if (!info) return fail_for_now(fmt::format("the row of {} in its userbase is malformed", name));
  user = std::move(*info);
  return true;
}

// The value of the key a, b and c make together. False when the expansion has its answer.
bool Expander::find(const Table& table, TableService service, std::string_view a,
                    std::string_view b, std::string_view c, Lookup& found) {
  if (table.backend() == TableBackend::Memory) {
    const auto value = table.find(a, b, c);
    found = {value.has_value(), value.value_or(std::string_view())};
    return true;
  }
  Answer answer;
  TableQuestion question{&table, service, ascii::lower(fmt::format("{}{}{}", a, b, c))};
  if (!ask(std::move(question), answer)) return false;
  found.is_found = answer.state == AnswerState::Found;
  if (found.is_found) found.value = texts_.emplace_back(std::move(answer.text));
  return true;
}

// user+tag, then user.
bool Expander::find_alias(const Table& table, std::string_view user, Lookup& found) {
  const std::size_t tag = user.find(config_.smtp.sub_address_delimiter);
  if (tag != std::string_view::npos) {
    if (!find(table, TableService::Alias, user, {}, {}, found)) return false;
    if (found.is_found) return true;
  }
  return find(table, TableService::Alias, user.substr(0, tag), {}, {}, found);
}

// user+tag@domain, user@domain, user+tag, user, @domain, @; the last two only for an address.
bool Expander::find_virtual(const Table& table, AddressView address, Lookup& found) {
  const std::string_view user = address.user;
  const std::string_view domain = address.domain;
  const std::size_t tag = user.find(config_.smtp.sub_address_delimiter);
  const std::string_view bare = user.substr(0, tag);
  const bool has_tag = tag != std::string_view::npos && tag + 1 < user.size();
  const bool has_domain = !domain.empty();
  struct Key {
    bool is_tried;
    std::string_view user, at, domain;
  };
  const Key keys[] = {{has_tag && has_domain, user, "@", domain},
                      {has_domain, bare, "@", domain},
                      {has_tag, user, {}, {}},
                      {true, bare, {}, {}},
                      {has_domain, {}, "@", domain},
                      {has_domain, {}, "@", {}}};
  for (const Key& key : keys) {
    if (!key.is_tried) continue;
    if (!find(table, TableService::Alias, key.user, key.at, key.domain, found)) return false;
    if (found.is_found) return true;
  }
  return true;
}

}  // namespace ringpost::conf
