// Expander: the work behind expand(). Addresses and users are nodes in the order of their
// expansion; a node is made once, whoever leads to it. Any step may end the whole by stop().
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "proto/conf/alias.h"
#include "proto/conf/expand.h"

namespace ringpost::conf {

// The places of items in a list that only grows: few are looked at one by one, many by their hash.
class SeenPlaces {
 public:
  // `is_same(other)` compares with the item asked for; `hash_of` agrees with it.
  template <class Item, class IsSame, class HashOf>
  bool contains(const std::vector<Item>& items, std::size_t hash, IsSame is_same, HashOf hash_of) {
    if (items.size() < indexed_from) return std::ranges::any_of(items, is_same);
    for (; indexed_ < items.size(); ++indexed_) {
      places_.emplace(hash_of(items[indexed_]), static_cast<std::uint32_t>(indexed_));
    }
    const auto [begin, end] = places_.equal_range(hash);
    return std::any_of(begin, end, [&](const auto& place) { return is_same(items[place.second]); });
  }

 private:
  static constexpr std::size_t indexed_from = 32;
  std::unordered_multimap<std::size_t, std::uint32_t> places_;
  std::size_t indexed_ = 0;
};

class Expander {
 public:
  Expander(const Config& config, const LocalHost& host, const SessionFacts& session,
           Lookups& lookups, bool forwarded)
      : config_(config), host_(host), session_(session), lookups_(lookups), forwarded_(forwarded) {}

  Expansion run(AddressView recipient);

 private:
  enum class NodeKind : std::uint8_t { Address, User };
  static constexpr std::uint32_t no_parent = 0xffffffff;

  struct Node {
    NodeKind kind = NodeKind::Address;
    bool skips_aliases = false;  // a user that an alias or .forward of the same name leads to
    bool skips_forward = false;  // a user that its own .forward names
    std::uint8_t depth = 0;
    std::uint32_t address = 0;  // the address it came through: its own index, or an ancestor's
    std::uint32_t parent = no_parent;
    const Rule* rule = nullptr;  // of a user: the rule that decided about its address
    std::string user = {};       // lower case when kind is User
    std::string domain = {};
  };

  // Whose list is being read: an alias of the action, or the .forward of a user.
  struct Source {
    const Rule* rule = nullptr;
    std::uint32_t parent = no_parent;
    const UserInfo* forwarder = nullptr;
    bool is_included = false;
  };

  struct Lookup {
    bool is_found = false;
    std::string_view value = {};
  };

  // These are false when the expansion has its answer in result_.
  bool expand_address(std::uint32_t index);
  bool expand_user(std::uint32_t index);
  bool expand_forward(std::uint32_t index, const UserInfo& user, std::string_view sub_address);
  bool insert(Node node, std::uint32_t parent);
  bool insert_targets(std::string_view value, const Source& source);
  bool insert_target(const AliasTarget& target, const Source& source);
  bool insert_included(std::string_view path, const Source& source);
  bool deliver_directly(const AliasTarget& target, const Source& source);
  bool deliver_to_user(const Node& node, UserInfo user, std::string_view sub_address);
  bool find_alias(const Table& table, std::string_view user, Lookup& found);
  bool find_virtual(const Table& table, AddressView address, Lookup& found);
  bool find(const Table& table, TableService service, std::string_view a, std::string_view b,
            std::string_view c, Lookup& found);
  bool ask(Question question, Answer& answer);
  bool ask_user(const Table* userbase, std::string_view name, UserInfo& user);
  bool deliver(Delivery delivery, const Node& node);
  bool is_known(const Node& node);
  bool is_duplicate(const Delivery& delivery);

  bool stop(Outcome outcome) {
    result_.outcome = outcome;
    result_.deliveries.clear();
    return false;
  }
  bool wait_for(Question question) {
    result_.waiting_for = std::move(question);
    return stop(Outcome::Later);
  }
  bool fail_for_now(std::string reason) {
    result_.reason = std::move(reason);
    return stop(Outcome::TemporaryFailure);
  }

  const Config& config_;
  const LocalHost& host_;
  const SessionFacts& session_;
  Lookups& lookups_;
  const bool forwarded_;     // the recipient itself
  std::vector<Node> nodes_;  // in the order of their expansion
  SeenPlaces seen_nodes_;
  SeenPlaces seen_deliveries_;
  std::deque<std::string> texts_;  // what tables outside of the memory answered
  Expansion result_;
};

}  // namespace ringpost::conf
