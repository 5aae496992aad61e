// Expansion of one recipient: a queue of addresses and users that starts with the recipient and
// grows by aliases and .forward files. RFC 5321 3.9.1, aliases(5), forward(5); any failure on the
// way fails the recipient as a whole.
#include "proto/conf/expand.h"

#include <functional>

#include <fmt/format.h>

#include "proto/base/ascii.h"
#include "proto/conf/expander.h"

namespace ringpost::conf {
namespace {

std::size_t hash_of_text(std::string_view text) { return std::hash<std::string_view>{}(text); }

// True when what is delivered differs by the address it came through.
bool depends_on_destination(const Action& action) {
  return action.method == Method::Relay || action.lmtp_rcpt_to ||
         action.path.depends_on_destination() || action.command.depends_on_destination() ||
         (action.wrapper != nullptr && action.wrapper->command.depends_on_destination());
}

// A file or command of an alias belongs to the daemon, one of a .forward to its user; the .forward
// of others does not count where the action names a user to deliver as.
bool reads_forward(const Action& action, const UserInfo& user) {
  if (action.method == Method::Lmtp) return false;
  return action.user.empty() || action.user == user.username;
}

}  // namespace

Expansion Expander::run(AddressView recipient) {
  // RFC 5321 4.5.1: <postmaster> without a domain is this machine's.
  const std::string_view domain = recipient.domain.empty() ? config_.server_name : recipient.domain;
  nodes_.reserve(8);
  nodes_.push_back({.user = std::string(recipient.user), .domain = std::string(domain)});
  for (std::uint32_t i = 0; i < nodes_.size(); ++i) {
    const bool goes_on = nodes_[i].kind == NodeKind::Address ? expand_address(i) : expand_user(i);
    if (!goes_on) return std::move(result_);
  }
  if (result_.deliveries.empty()) {
    stop(Outcome::Loop);  // only names that lead back to themselves
  } else {
    result_.outcome = Outcome::Deliver;
  }
  return std::move(result_);
}

bool Expander::expand_address(std::uint32_t index) {
  const AddressView address{nodes_[index].user, nodes_[index].domain};
  const bool is_first = nodes_[index].parent == no_parent;
  Decision decision = decide(config_, host_, session_, address, lookups_, forwarded_ || !is_first);
  if (decision.state == Decision::State::Later) return wait_for(std::move(*decision.waiting_for));
  if (decision.state == Decision::State::TemporaryFailure)
    return fail_for_now(std::move(decision.reason));
  const Rule* rule = decision.rule;
  if (is_first) result_.rule = rule;
  if (rule == nullptr || rule->action == nullptr) return stop(Outcome::Refused);
  if (rule->action->method == Method::Relay) {
    return deliver({.action = rule->action, .rule = rule}, nodes_[index]);
  }
  if (rule->action->virtuals != nullptr) {
    Lookup found;
    if (!find_virtual(*rule->action->virtuals, address, found)) return false;
    return found.is_found ? insert_targets(found.value, {.rule = rule, .parent = index})
                          : stop(Outcome::Unknown);
  }
  return insert({.kind = NodeKind::User, .rule = rule, .user = ascii::lower(address.user)}, index);
}

bool Expander::expand_user(std::uint32_t index) {
  const Rule* rule = nodes_[index].rule;
  const Action& action = *rule->action;
  const std::string name = nodes_[index].user;  // nodes_ may move below
  if (!nodes_[index].skips_aliases) {
    Lookup found;
    if (action.aliases != nullptr && !find_alias(*action.aliases, name, found)) return false;
    if (action.virtuals != nullptr && !find_virtual(*action.virtuals, {name, {}}, found))
      return false;
    if (found.is_found) return insert_targets(found.value, {.rule = rule, .parent = index});
  }
  const std::size_t tag = name.find(config_.smtp.sub_address_delimiter);
  const std::string_view bare = std::string_view(name).substr(0, tag);
  if (bare.empty()) return stop(Outcome::Unknown);
  UserInfo user;
  if (!ask_user(action.userbase, bare, user)) return false;
  const std::string_view sub_address =
      tag == std::string::npos ? std::string_view() : std::string_view(name).substr(tag + 1);
  if (!nodes_[index].skips_forward && reads_forward(action, user)) {
    return expand_forward(index, user, sub_address);
  }
  return deliver_to_user(nodes_[index], std::move(user), sub_address);
}

// What a .forward says, or the mailbox when there is none or it is empty.
bool Expander::expand_forward(std::uint32_t index, const UserInfo& user,
                              std::string_view sub_address) {
  Answer answer;
  if (!ask(ForwardQuestion{user}, answer)) return false;
  if (answer.text.size() >= forward_octets_max) {
    return fail_for_now(fmt::format("the .forward of {} is too large", user.username));
  }
  const Source source{.rule = nodes_[index].rule, .parent = index, .forwarder = &user};
  AliasFile file(answer.text);
  std::size_t targets = 0;
  while (const auto target = file.next()) {
    if (!*target) {
      return fail_for_now(fmt::format("line {} of the .forward of {}: {}", file.line(),
                                      user.username, target->error()));
    }
    if ((*target)->kind == AliasKind::Include) continue;  // forward(5) has none
    if (++targets > forward_targets_max) {
      return fail_for_now(fmt::format("the .forward of {} has too many lines", user.username));
    }
    if (!insert_target(**target, source)) return false;
  }
  return targets > 0 || deliver_to_user(nodes_[index], user, sub_address);
}

bool Expander::deliver_to_user(const Node& node, UserInfo user, std::string_view sub_address) {
  const Action* action = node.rule->action;
  if (action->method == Method::ExpandOnly) return stop(Outcome::Unknown);
  if (action->method == Method::ForwardOnly) {
    return fail_for_now(fmt::format("{} has no .forward, and action {} only forwards",
                                    user.username, action->name));
  }
  return deliver({.action = action,
                  .rule = node.rule,
                  .user = std::move(user),
                  .sub_address = std::string(sub_address)},
                 node);
}

// Adds the delivery with the address it came through, unless it is there already.
bool Expander::deliver(Delivery delivery, const Node& node) {
  const Node& address = node.kind == NodeKind::Address ? node : nodes_[node.address];
  delivery.destination_user = address.user;
  delivery.destination_domain = address.domain;
  if (is_duplicate(delivery)) return true;
  if (result_.deliveries.size() >= expansion_nodes_max) return stop(Outcome::Loop);
  result_.deliveries.push_back(std::move(delivery));
  return true;
}

bool Expander::is_duplicate(const Delivery& delivery) {
  const bool by_destination =
      delivery.kind == DeliveryKind::Action && depends_on_destination(*delivery.action);
  const auto is_same = [&](const Delivery& other) {
    return other.action == delivery.action && other.kind == delivery.kind &&
           other.target == delivery.target && other.user.username == delivery.user.username &&
           other.sub_address == delivery.sub_address &&
           (!by_destination ||
            (other.destination_user == delivery.destination_user &&
             ascii::equal_ignoring_case(other.destination_domain, delivery.destination_domain)));
  };
  const auto hash_of = [](const Delivery& one) {
    const bool is_relay = one.action->method == Method::Relay;  // nobody's, but many addresses
    return hash_of_text(one.target) * 31 + hash_of_text(one.user.username) +
           (is_relay ? hash_of_text(one.destination_user) : 0);
  };
  return seen_deliveries_.contains(result_.deliveries, hash_of(delivery), is_same, hash_of);
}

bool Expander::is_known(const Node& node) {
  const bool is_user = node.kind == NodeKind::User;
  const auto is_same = [&](const Node& other) {
    return other.kind == node.kind && other.skips_aliases == node.skips_aliases &&
           other.skips_forward == node.skips_forward && other.user == node.user &&
           ascii::equal_ignoring_case(other.domain, node.domain) &&
           (!is_user || other.address == node.address);
  };
  const auto hash_of = [](const Node& one) { return hash_of_text(one.user); };
  return seen_nodes_.contains(nodes_, hash_of(node), is_same, hash_of);
}

// Adds a node unless it was there before; false when the limits are reached.
bool Expander::insert(Node node, std::uint32_t parent) {
  const Node& from = nodes_[parent];
  node.parent = parent;
  node.depth = static_cast<std::uint8_t>(from.depth + 1);
  node.address =
      node.kind == NodeKind::User ? from.address : static_cast<std::uint32_t>(nodes_.size());
  if (is_known(node)) return true;
  if (node.depth >= expansion_depth_max || nodes_.size() >= expansion_nodes_max) {
    return stop(Outcome::Loop);
  }
  nodes_.push_back(std::move(node));
  return true;
}

Expansion expand(const Config& config, const LocalHost& host, const SessionFacts& session,
                 AddressView recipient, Lookups& lookups, bool forwarded) {
  return Expander(config, host, session, lookups, forwarded).run(recipient);
}

std::optional<std::string> maildir_path(const Config& config, const Delivery& delivery,
                                        AddressView sender, AddressView recipient) {
  const FormatValues values{
      .sender = sender,
      .recipient = recipient,
      .destination = {delivery.destination_user, delivery.destination_domain},
      .username = delivery.user.username,
      .directory = delivery.user.directory,
      .delimiter = config.smtp.sub_address_delimiter,
  };
  return delivery.action->path.expand(values);
}

}  // namespace ringpost::conf
