// First match wins; the tests of a rule in the order of OpenSMTPD: tag, from, for, helo, mail-from,
// rcpt-to.
#include "proto/conf/ruleset.h"

#include <algorithm>

#include <fmt/format.h>

#include "proto/base/ascii.h"

namespace ringpost::conf {
namespace {

constexpr std::string_view local_word = "local";  // in `src` tables: the local socket and aliases

struct Question {
  const Config& config;
  const LocalHost& host;
  const SessionFacts& session;
  AddressView recipient;
  bool forwarded;
};

bool source_holds(const Rule& rule, const Question& q) {
  const bool is_local = q.forwarded || !q.session.client;
  switch (rule.from) {
    case FromKind::Any:
      return true;
    case FromKind::Local:
      return is_local || q.host.has_address(*q.session.client);
    case FromKind::Socket:
      return !q.forwarded && !q.session.client;
    case FromKind::Source:
      break;
  }
  return is_local ? rule.from_table->contains(local_word)
                  : rule.from_table->matches_address(*q.session.client);
}

// An alias' address has no source of its own to be tested: `from socket` is skipped, negated or
// not.
bool from_holds(const Rule& rule, const Question& q) {
  if (q.forwarded && rule.from == FromKind::Socket) return false;
  return source_holds(rule, q) != rule.from_negated;
}

bool for_holds(const Rule& rule, const Question& q) {
  const bool holds =
      rule.for_ == ForKind::Any ||
      (rule.for_ == ForKind::Local ? q.host.has_name(q.recipient.domain)
                                   : rule.for_table->matches_domain(q.recipient.domain));
  return holds != rule.for_negated;
}

bool address_holds(const TableTest& test, AddressView address, char delimiter) {
  if (test.table == nullptr) return true;
  return test.table->matches_mail_address(address.user, address.domain, delimiter) != test.negated;
}

bool holds(const Rule& rule, const Question& q) {
  if (rule.tag.table != nullptr && rule.tag.table->contains(q.session.tag) == rule.tag.negated) {
    return false;
  }
  if (!from_holds(rule, q) || !for_holds(rule, q)) return false;
  if (rule.helo.table != nullptr &&
      rule.helo.table->matches_domain(q.session.helo) == rule.helo.negated) {
    return false;
  }
  const char delimiter = q.config.smtp.sub_address_delimiter;
  return address_holds(rule.mail_from, q.session.sender, delimiter) &&
         address_holds(rule.rcpt_to, q.recipient, delimiter);
}

}  // namespace

LocalHost::LocalHost(std::string_view server_name, std::span<const NetAddress> interface_addresses)
    : addresses_(interface_addresses.begin(), interface_addresses.end()),
      names_{"localhost", ascii::lower(server_name)} {
  std::ranges::sort(addresses_);
  for (const NetAddress& address : addresses_) {
    const char* prefix = address.family == Family::Inet6 ? "IPv6:" : "";
    names_.push_back(fmt::format("[{}{}]", prefix, to_text(address)));
  }
}

bool LocalHost::has_address(const NetAddress& address) const {
  return std::ranges::binary_search(addresses_, address);
}

bool LocalHost::has_name(std::string_view domain) const {
  const auto is_it = [domain](std::string_view name) {
    return !name.empty() && ascii::equal_ignoring_case(name, domain);
  };
  if (std::ranges::any_of(names_, is_it)) return true;
  if (!domain.starts_with('[')) return false;
  const auto literal = parse_net_address(domain);  // an address has several spellings
  return literal && has_address(*literal);
}

const Rule* decide(const Config& config, const LocalHost& host, const SessionFacts& session,
                   AddressView recipient, bool forwarded) {
  const Question question{config, host, session, recipient, forwarded};
  const auto found = std::ranges::find_if(
      config.rules, [&question](const Rule& rule) { return holds(rule, question); });
  return found == config.rules.end() ? nullptr : &*found;
}

std::string trace(const Config& config, const Rule* rule) {
  if (rule == nullptr) return "no rule matches";
  const std::string verdict =
      rule->action == nullptr ? "reject" : fmt::format("action {}", rule->action->name);
  return fmt::format("rule {} ({}:{}) {}", rule->number, config.files[rule->position.file],
                     rule->position.line, verdict);
}

}  // namespace ringpost::conf
