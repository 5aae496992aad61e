// First match wins; the tests of a rule in the order of OpenSMTPD: tag, from, for, helo, auth, tls,
// mail-from, rcpt-to. A test that cannot be answered stops the search: a later rule must not decide
// instead.
#include "proto/conf/ruleset.h"

#include <algorithm>

#include <fmt/format.h>

#include "proto/base/ascii.h"

namespace ringpost::conf {
namespace {

constexpr std::string_view local_word = "local";  // in place of a name: aliases

class Judge {
 public:
  Judge(const Config& config, const LocalHost& host, const SessionFacts& session,
        AddressView recipient, Lookups& lookups, bool forwarded)
      : config_(config),
        host_(host),
        session_(session),
        recipient_(recipient),
        forwarded_(forwarded),
        tests_(config, session, lookups) {}

  Decision run();

 private:
  // Their results mean nothing once the tests have stopped: run() looks at that first.
  bool holds(const Rule& rule);
  bool source_holds(const Rule& rule);
  bool name_holds(const TableTest& test);
  bool from_holds(const Rule& rule);
  bool for_holds(const Rule& rule);
  bool auth_holds(const Rule& rule);

  const Config& config_;
  const LocalHost& host_;
  const SessionFacts& session_;
  AddressView recipient_;
  bool forwarded_;
  TableTests tests_;
};

Decision Judge::run() {
  for (const Rule& rule : config_.rules) {
    const bool is_it = holds(rule);
    if (auto& stop = tests_.stop()) {
      const auto state =
          stop->waiting_for ? Decision::State::Later : Decision::State::TemporaryFailure;
      return {state, nullptr, std::move(stop->waiting_for), std::move(stop->reason)};
    }
    if (is_it) return {.rule = &rule};
  }
  return {};
}

bool Judge::source_holds(const Rule& rule) {
  switch (rule.from) {
    case FromKind::Any:
      return true;
    case FromKind::Local:
      return forwarded_ || !session_.client || host_.has_address(*session_.client);
    case FromKind::Socket:
      return !forwarded_ && !session_.client;
    case FromKind::Source:
      return tests_.source_is_in(rule.from_test, forwarded_);
    case FromKind::ReverseName:
      break;
  }
  return false;
}

// As upstream: without a name a table decides nothing, negated or not, and an alias' address is
// compared as "local". What cannot be known for now puts mail off.
bool Judge::name_holds(const TableTest& test) {
  if (forwarded_)
    return test.table != nullptr && tests_.domain_is_in(test, local_word) != test.negated;
  if (session_.client_name.failed) {
    tests_.fail("the name of the client's address cannot be found");
    return false;
  }
  const bool has_name = !session_.client_name.text.empty();
  if (test.table == nullptr) return has_name != test.negated;
  return has_name && tests_.domain_is_in(test, session_.client_name.text) != test.negated;
}

// An alias' address has no source of its own to be tested: `from socket` is skipped, negated or
// not.
bool Judge::from_holds(const Rule& rule) {
  if (forwarded_ && rule.from == FromKind::Socket) return false;
  if (rule.from == FromKind::ReverseName) return name_holds(rule.from_test);
  return source_holds(rule) != rule.from_test.negated;
}

bool Judge::for_holds(const Rule& rule) {
  const bool holds =
      rule.for_ == ForKind::Any ||
      (rule.for_ == ForKind::Local ? host_.has_name(recipient_.domain)
                                   : tests_.domain_is_in(rule.for_test, recipient_.domain));
  return holds != rule.for_test.negated;
}

bool Judge::auth_holds(const Rule& rule) {
  if (rule.auth == Demand::None) return true;
  bool holds = !session_.user.empty();
  if (holds && rule.auth_user.table != nullptr) holds = tests_.user_is_in(rule.auth_user);
  return holds == (rule.auth == Demand::Yes);
}

bool Judge::holds(const Rule& rule) {
  const auto passes = [](const TableTest& test, auto is_in) {
    return test.table == nullptr || is_in() != test.negated;
  };
  if (!passes(rule.tag, [&] { return tests_.text_is_in(rule.tag, session_.tag); })) return false;
  if (!from_holds(rule) || !for_holds(rule)) return false;
  if (!passes(rule.helo, [&] { return tests_.domain_is_in(rule.helo, session_.helo); }))
    return false;
  if (!auth_holds(rule)) return false;
  if (rule.tls != Demand::None && session_.tls != (rule.tls == Demand::Yes)) return false;
  return passes(rule.mail_from,
                [&] { return tests_.address_is_in(rule.mail_from, session_.sender); }) &&
         passes(rule.rcpt_to, [&] { return tests_.address_is_in(rule.rcpt_to, recipient_); });
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

Decision decide(const Config& config, const LocalHost& host, const SessionFacts& session,
                AddressView recipient, Lookups& lookups, bool forwarded) {
  return Judge(config, host, session, recipient, lookups, forwarded).run();
}

std::string trace(const Config& config, const Rule* rule) {
  if (rule == nullptr) return "no rule matches";
  const std::string verdict =
      rule->action == nullptr ? "reject" : fmt::format("action {}", rule->action->name);
  return fmt::format("rule {} ({}:{}) {}", rule->number, config.files[rule->position.file],
                     rule->position.line, verdict);
}

}  // namespace ringpost::conf
