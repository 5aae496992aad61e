// Alignment and policy: RFC 7489 3.1 and 6.6.2, RFC 9989 5. Every error is a result.
#include "proto/auth/dmarc.h"

#include <algorithm>
#include <array>

#include "proto/auth/dmarc_discovery.h"
#include "proto/base/ascii.h"
#include "proto/mail/address_list.h"

namespace ringpost::auth {
namespace {

// Results of one domain in From, from good to bad.
constexpr std::array<Result, 5> severity{Result::Pass, Result::None, Result::PermError,
                                         Result::TempError, Result::Fail};

std::string clean_domain(std::string_view domain) {
  if (domain.ends_with('.')) domain.remove_suffix(1);
  return ascii::lower(domain);
}

// Judges one domain of From.
class Evaluation {
 public:
  Evaluation(const DmarcInput& input, const SuffixList* suffixes, DnsMemo& memo)
      : input_(input), discovery_(suffixes, memo), uses_percent_(suffixes != nullptr) {}

  std::optional<DmarcResult> judge(const std::string& domain) {
    DmarcResult result{.domain = domain};
    const auto found = discovery_.find_record(domain);
    if (!found) return std::nullopt;
    if (found->kind != Discovery::Kind::Found) return without_record(found->kind, result);
    result.record = found->record;
    result.record_domain = found->domain;
    result.policy = policy_for(domain, *found);
    if (!result.policy || !align(result)) return std::nullopt;
    conclude(result);
    return result;
  }

 private:
  enum class Aligned { No, Yes, Waits };

  static DmarcResult without_record(Discovery::Kind kind, DmarcResult result) {
    switch (kind) {
      case Discovery::Kind::Failed:
        result.result = Result::TempError;
        result.problem = "the record could not be asked for";
        break;
      case Discovery::Kind::Broken:
        result.result = Result::PermError;
        result.problem = "a record without a policy";
        break;
      case Discovery::Kind::Several:
        result.problem = "several records";
        break;
      default:
        break;
    }
    return result;
  }

  // RFC 7489 6.3, RFC 9091 2: np for names that do not exist, sp for others below the record's.
  std::optional<DmarcPolicy> policy_for(const std::string& domain, const Discovery& found) {
    const DmarcRecord& record = found.record;
    if (found.domain == domain) return record.policy;
    const DmarcPolicy below = record.subdomain_policy.value_or(record.policy);
    if (!record.nonexistent_policy) return below;
    const auto is_nonexistent = discovery_.is_nonexistent(domain);
    if (!is_nonexistent) return std::nullopt;
    return *is_nonexistent ? *record.nonexistent_policy : below;
  }

  Aligned is_aligned(const std::string& identifier, const std::string& domain, bool strict) {
    const std::string clean = clean_domain(identifier);
    if (clean.empty()) return Aligned::No;
    if (clean == domain) return Aligned::Yes;
    if (strict) return Aligned::No;
    const auto one = discovery_.organization(clean);
    const auto other = discovery_.organization(domain);
    if (!one || !other) return Aligned::Waits;
    return *one == *other ? Aligned::Yes : Aligned::No;
  }

  // False: waits. What passed decides; what may pass later makes a failure temporary.
  bool align(DmarcResult& result) {
    const DmarcRecord& record = *result.record;
    bool waits = false;
    const auto look = [&](Result outcome, const std::string& identifier, bool strict, bool& place) {
      if (outcome != Result::Pass && outcome != Result::TempError) return;
      const Aligned aligned = is_aligned(identifier, result.domain, strict);
      waits |= aligned == Aligned::Waits;
      if (aligned != Aligned::Yes) return;
      (outcome == Result::Pass ? place : may_pass_later_) = true;
    };
    look(input_.spf, input_.spf_domain, record.strict_spf, result.spf_aligned);
    for (const DkimResult& one : input_.dkim)
      look(one.result, one.domain, record.strict_dkim, result.dkim_aligned);
    return !waits;
  }

  void conclude(DmarcResult& result) const {
    if (result.spf_aligned || result.dkim_aligned) {
      result.result = Result::Pass;
      return;
    }
    if (may_pass_later_) {
      result.result = Result::TempError;
      result.problem = "SPF or DKIM of the domain could not be asked for";
      return;
    }
    result.result = Result::Fail;
    const bool left_out = uses_percent_ && input_.sample >= result.record->percent;
    result.disposition = *result.policy;
    // RFC 7489 6.6.4, RFC 9989 4.7: one step less for what the owner does not mean yet.
    if (left_out || result.record->testing)
      result.disposition =
          *result.policy == DmarcPolicy::Reject ? DmarcPolicy::Quarantine : DmarcPolicy::None;
  }

  const DmarcInput& input_;
  DmarcDiscovery discovery_;
  bool uses_percent_;
  bool may_pass_later_ = false;
};

bool is_worse(const DmarcResult& a, const DmarcResult& b) {
  const auto place = [](const DmarcResult& one) {
    return std::ranges::find(severity, one.result) - severity.begin();
  };
  return place(a) != place(b) ? place(a) > place(b) : a.disposition > b.disposition;
}

void add_domain(std::string_view text, std::vector<std::string>& domains) {
  std::string domain = clean_domain(text);
  if (domain.empty() || domains.size() > author_domains_max) return;
  if (std::ranges::find(domains, domain) == domains.end()) domains.push_back(std::move(domain));
}

// What stands behind each '@' of a list that cannot be read: readers may show any of it, so that
// breaking the syntax must not hide an author from the policy of the domain.
void add_domains_of_broken(std::string_view text, std::vector<std::string>& domains) {
  for (std::size_t at = text.find('@'); at != text.npos; at = text.find('@', at + 1)) {
    const std::string_view rest =
        text.substr(std::min(text.find_first_not_of(" \t\r\n", at + 1), text.size()));
    const auto end = std::ranges::find_if_not(rest, [](char c) {
      return ascii::is_alnum(c) || ascii::is_high(c) || c == '-' || c == '_' || c == '.';
    });
    const std::string_view domain = rest.substr(0, static_cast<std::size_t>(end - rest.begin()));
    if (domain.contains('.') && !domain.starts_with('.')) add_domain(domain, domains);
    if (domains.size() > author_domains_max) return;
  }
}

}  // namespace

std::vector<std::string> author_domains(const MessageHeader& header) {
  std::vector<std::string> domains;
  for (const std::size_t place : header.places("from")) {
    const std::string_view value = header.fields()[place].value;
    const auto list = mail::parse_address_list(value);
    for (const mail::ListedAddress& address : list.addresses) {
      const std::size_t at = address.spec.rfind('@');
      if (at != std::string::npos)
        add_domain(std::string_view(address.spec).substr(at + 1), domains);
    }
    if (list.malformed) add_domains_of_broken(value, domains);
    if (domains.size() > author_domains_max) break;
  }
  return domains;
}

std::optional<DmarcResult> evaluate_dmarc(const DmarcInput& input, const SuffixList* suffixes,
                                          DnsMemo& memo) {
  // Padding in front of From must not hide it from the policy of its domain.
  if (input.header_is_cut)
    return DmarcResult{.result = Result::PermError,
                       .domain = input.author_domains.empty() ? "" : input.author_domains[0],
                       .disposition = DmarcPolicy::Reject,
                       .problem = "the header is too large"};
  if (input.author_domains.empty()) return DmarcResult{.problem = "no domain in a From field"};
  if (input.author_domains.size() > author_domains_max)
    // RFC 7489 6.6.1: refused. To pass it on would be a way around the policy of each of them.
    return DmarcResult{.result = Result::PermError,
                       .domain = input.author_domains[0],
                       .disposition = DmarcPolicy::Reject,
                       .problem = "too many domains in From fields"};
  std::optional<DmarcResult> worst;
  bool waits = false;
  for (const std::string& domain : input.author_domains) {
    auto result = Evaluation(input, suffixes, memo).judge(domain);
    waits |= !result;
    if (result && (!worst || is_worse(*result, *worst))) worst = std::move(result);
  }
  return waits ? std::nullopt : worst;
}

}  // namespace ringpost::auth
