// Expansion of one recipient: a queue of addresses and users that starts with the recipient and
// grows by aliases. RFC 5321 3.9.1 and aliases(5); any failure on the way fails the recipient as a
// whole.
#include "proto/conf/expand.h"

#include <algorithm>
#include <array>
#include <utility>

#include "proto/base/ascii.h"
#include "proto/base/check.h"
#include "proto/conf/alias.h"

namespace ringpost::conf {
namespace {

constexpr std::uint32_t no_parent = 0xffffffff;

enum class NodeKind : std::uint8_t { Address, User };

struct Node {
  NodeKind kind = NodeKind::Address;
  bool is_same_user = false;  // an alias that names itself: not looked up again
  std::uint8_t depth = 0;
  std::uint32_t address = 0;  // the address it came through: its own index, or an ancestor's
  std::uint32_t parent = no_parent;
  const Rule* rule = nullptr;  // of a user: the rule that decided about its address
  std::string user = {};       // lower case when kind is User
  std::string domain = {};
};

class Expander {
 public:
  Expander(const Config& config, const LocalHost& host, const SessionFacts& session,
           Lookups& lookups)
      : config_(config), host_(host), session_(session), lookups_(lookups) {}

  Expansion run(AddressView recipient);

 private:
  // False when the expansion has its answer in result_.
  bool expand_address(std::uint32_t index);
  bool expand_user(std::uint32_t index);
  bool insert(Node node, std::uint32_t parent);
  bool insert_targets(std::string_view value, const Rule* rule, std::uint32_t parent);
  std::optional<std::string_view> find_alias(const Table& table, std::string_view user) const;
  std::optional<std::string_view> find_virtual(const Table& table, AddressView address) const;
  bool ask_user(const Table* userbase, std::string_view name, UserInfo& user);
  void deliver(const Node& node, UserInfo user, std::string_view sub_address);
  bool stop(Outcome outcome) {
    result_.outcome = outcome;
    result_.deliveries.clear();
    return false;
  }

  bool wait_for(Question question) {
    result_.waiting_for = std::move(question);
    return stop(Outcome::Later);
  }

  const Config& config_;
  const LocalHost& host_;
  const SessionFacts& session_;
  Lookups& lookups_;
  std::vector<Node> nodes_;  // in the order of their expansion
  Expansion result_;
};

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
  const bool forwarded = nodes_[index].parent != no_parent;
  Decision decision = decide(config_, host_, session_, address, lookups_, forwarded);
  if (decision.state == Decision::State::Later) return wait_for(std::move(*decision.waiting_for));
  if (decision.state == Decision::State::TemporaryFailure) {
    result_.reason = std::move(decision.reason);
    return stop(Outcome::TemporaryFailure);
  }
  const Rule* rule = decision.rule;
  if (!forwarded) result_.rule = rule;
  if (rule == nullptr || rule->action == nullptr) return stop(Outcome::Refused);
  if (rule->action->virtuals != nullptr) {
    const auto value = find_virtual(*rule->action->virtuals, address);
    return value ? insert_targets(*value, rule, index) : stop(Outcome::Unknown);
  }
  return insert({.kind = NodeKind::User, .rule = rule, .user = ascii::lower(address.user)}, index);
}

bool Expander::expand_user(std::uint32_t index) {
  const Rule* rule = nodes_[index].rule;
  const Action& action = *rule->action;
  const std::string_view name = nodes_[index].user;
  if (!nodes_[index].is_same_user) {
    std::optional<std::string_view> value;
    if (action.aliases != nullptr) value = find_alias(*action.aliases, name);
    if (action.virtuals != nullptr) value = find_virtual(*action.virtuals, {name, {}});
    if (value) return insert_targets(*value, rule, index);
  }
  const std::size_t tag = name.find(config_.smtp.sub_address_delimiter);
  const std::string_view bare = name.substr(0, tag);
  if (bare.empty()) return stop(Outcome::Unknown);
  UserInfo user;
  if (!ask_user(action.userbase, bare, user)) return false;
  deliver(nodes_[index], std::move(user),
          tag == std::string_view::npos ? std::string_view() : name.substr(tag + 1));
  return true;
}

bool Expander::ask_user(const Table* userbase, std::string_view name, UserInfo& user) {
  if (userbase != nullptr) {
    auto found = userbase->find_user(name);
    if (!found) return stop(Outcome::Unknown);
    user = std::move(*found);
    return true;
  }
  UserQuestion question{std::string(name)};
  Answer answer = lookups_.ask(question);
  switch (answer.state) {
    case AnswerState::Found:
      user = std::move(answer.user);
      return true;
    case AnswerState::NotFound:
      return stop(Outcome::Unknown);
    case AnswerState::TemporaryFailure:
      result_.reason = std::move(answer.text);
      return stop(Outcome::TemporaryFailure);
    case AnswerState::Later:
      break;
  }
  return wait_for(std::move(question));
}

void Expander::deliver(const Node& node, UserInfo user, std::string_view sub_address) {
  const Action* action = node.rule->action;
  const Node& address = nodes_[node.address];
  const bool by_destination = action->path.depends_on_destination();
  const bool is_duplicate = std::ranges::any_of(result_.deliveries, [&](const Delivery& other) {
    return other.action == action && other.user.username == user.username &&
           other.sub_address == sub_address &&
           (!by_destination ||
            (other.destination_user == address.user &&
             ascii::equal_ignoring_case(other.destination_domain, address.domain)));
  });
  if (is_duplicate) return;
  result_.deliveries.push_back({.action = action,
                                .rule = node.rule,
                                .kind = DeliveryKind::Action,
                                .target = {},
                                .user = std::move(user),
                                .sub_address = std::string(sub_address),
                                .destination_user = address.user,
                                .destination_domain = address.domain});
}

// Adds a node unless it was there before; false when the limits are reached.
bool Expander::insert(Node node, std::uint32_t parent) {
  const Node& from = nodes_[parent];
  node.parent = parent;
  node.depth = static_cast<std::uint8_t>(from.depth + 1);
  const bool is_user = node.kind == NodeKind::User;
  node.address = is_user ? from.address : static_cast<std::uint32_t>(nodes_.size());
  node.is_same_user = is_user && from.kind == NodeKind::User && from.user == node.user;
  const bool is_known = std::ranges::any_of(nodes_, [&](const Node& other) {
    return other.kind == node.kind && other.is_same_user == node.is_same_user &&
           other.user == node.user && ascii::equal_ignoring_case(other.domain, node.domain) &&
           (!is_user || other.address == node.address);
  });
  if (is_known) return true;
  if (node.depth >= expansion_depth_max || nodes_.size() >= expansion_nodes_max) {
    return stop(Outcome::Loop);
  }
  nodes_.push_back(std::move(node));
  return true;
}

bool Expander::insert_targets(std::string_view value, const Rule* rule, std::uint32_t parent) {
  AliasTargets targets(value);
  while (const auto target = targets.next()) {
    CHECK(target->has_value());  // check_alias_rows has seen every row
    switch ((*target)->kind) {
      case AliasKind::Error:
        result_.reply_code = (*target)->code;
        result_.reply_text = (*target)->text;
        return stop(Outcome::Error);
      case AliasKind::Address: {
        Node node{.user = std::string((*target)->user), .domain = std::string((*target)->domain)};
        if (!insert(std::move(node), parent)) return false;
        break;
      }
      case AliasKind::User: {
        Node node{.kind = NodeKind::User, .rule = rule, .user = ascii::lower((*target)->user)};
        if (!insert(std::move(node), parent)) return false;
        break;
      }
    }
  }
  return true;
}

// user+tag, then user.
std::optional<std::string_view> Expander::find_alias(const Table& table,
                                                     std::string_view user) const {
  const std::size_t tag = user.find(config_.smtp.sub_address_delimiter);
  if (tag != std::string_view::npos) {
    if (const auto value = table.find(user)) return value;
  }
  return table.find(user.substr(0, tag));
}

// user+tag@domain, user@domain, user+tag, user, @domain, @; the last two only for an address.
std::optional<std::string_view> Expander::find_virtual(const Table& table,
                                                       AddressView address) const {
  const std::string_view user = address.user;
  const std::string_view domain = address.domain;
  const std::size_t tag = user.find(config_.smtp.sub_address_delimiter);
  const std::string_view bare = user.substr(0, tag);
  const bool has_tag = tag != std::string_view::npos && tag + 1 < user.size();
  if (has_tag && !domain.empty()) {
    if (const auto value = table.find(user, "@", domain)) return value;
  }
  if (!domain.empty()) {
    if (const auto value = table.find(bare, "@", domain)) return value;
  }
  if (has_tag) {
    if (const auto value = table.find(user)) return value;
  }
  if (const auto value = table.find(bare)) return value;
  if (domain.empty()) return std::nullopt;
  if (const auto value = table.find({}, "@", domain)) return value;
  return table.find("@");
}

}  // namespace

Expansion expand(const Config& config, const LocalHost& host, const SessionFacts& session,
                 AddressView recipient, Lookups& lookups) {
  return Expander(config, host, session, lookups).run(recipient);
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
