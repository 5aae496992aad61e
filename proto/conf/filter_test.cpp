// One condition for each filter, as smtpd.conf(5) says.
#include "proto/conf/filter_test.h"

#include <algorithm>

namespace ringpost::conf {
namespace {

using Confirmed = ClientNameView::Confirmed;

class Condition {
 public:
  Condition(const Filter& filter, const SessionFacts& session, TableTests& tests)
      : filter_(filter), session_(session), tests_(tests) {}

  bool holds(AddressView recipient) {
    switch (filter_.condition) {
      case FilterCondition::Fcrdns:
        return is_confirmed();
      case FilterCondition::Rdns:
        return has_name();
      case FilterCondition::Source:
        return tests_.source_is_in(filter_.test);
      case FilterCondition::Auth:
        return !session_.user.empty() &&
               (filter_.test.table == nullptr || tests_.user_is_in(filter_.test));
      case FilterCondition::Helo:
        return tests_.domain_is_in(filter_.test, session_.helo);
      case FilterCondition::MailFrom:
        return tests_.address_is_in(filter_.test, session_.sender);
      case FilterCondition::RcptTo:
        return tests_.address_is_in(filter_.test, recipient);
      case FilterCondition::Spf:
      case FilterCondition::Dkim:
      case FilterCondition::Dmarc:
      case FilterCondition::Arc:
      case FilterCondition::Iprev:
        break;
    }
    return std::ranges::any_of(session_.findings,
                               [this](const SenderFinding& one) { return is_meant(one); });
  }

 private:
  bool is_meant(const SenderFinding& finding) {
    if (finding.method != filter_.condition || !tests_.text_is_in(filter_.test, finding.result))
      return false;
    return filter_.domains.table == nullptr || tests_.domain_is_in(filter_.domains, finding.domain);
  }

  bool is_known() {
    const ClientNameView& name = session_.client_name;
    const bool is_open = filter_.condition == FilterCondition::Fcrdns &&
                         name.confirmed == Confirmed::Unknown && !name.text.empty();
    if (!name.failed && !is_open) return true;
    tests_.fail("the name of the client's address cannot be found");
    return false;
  }

  bool is_confirmed() {
    // The local socket has no address that a name could lead back to.
    if (!session_.client) return true;
    return is_known() && session_.client_name.confirmed == Confirmed::Yes;
  }

  bool has_name() {
    if (!is_known() || session_.client_name.text.empty()) return false;
    return filter_.test.table == nullptr ||
           tests_.domain_is_in(filter_.test, session_.client_name.text);
  }

  const Filter& filter_;
  const SessionFacts& session_;
  TableTests& tests_;
};

}  // namespace

FilterFinding test_filter(const Config& config, const Filter& filter, const SessionFacts& session,
                          AddressView recipient, Lookups& lookups) {
  if (is_of_results(filter.condition) && session.findings.empty()) return {};
  TableTests tests(config, session, lookups);
  const bool holds = Condition(filter, session, tests).holds(recipient);
  return {holds != filter.test.negated, std::move(tests.stop())};
}

bool tests_client_name(const Filter& filter) {
  if (filter.kind == FilterKind::Chain)
    return std::ranges::any_of(filter.chain,
                               [](const Filter* link) { return tests_client_name(*link); });
  if (filter.kind == FilterKind::Native) return false;
  // What a process is told begins with the name.
  return filter.kind == FilterKind::Process || filter.condition == FilterCondition::Fcrdns ||
         filter.condition == FilterCondition::Rdns;
}

}  // namespace ringpost::conf
