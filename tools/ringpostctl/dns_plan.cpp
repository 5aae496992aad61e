// Records as they should be, and as they are: see dns_plan.h.
#include "tools/ringpostctl/dns_plan.h"

#include <algorithm>

#include <fmt/format.h>

#include "proto/auth/dkim_key.h"
#include "proto/auth/dmarc_record.h"
#include "proto/auth/spf.h"
#include "proto/auth/spf_macro.h"
#include "tools/ringpostctl/dkim_keys.h"

namespace ringpost::ctl {
namespace {

bool is_inet4(const conf::NetAddress& address) { return address.family == conf::Family::Inet4; }

std::string spf_record(const DnsPlan& plan) {
  std::string record = "v=spf1";
  for (const conf::NetAddress& one : plan.addresses)
    record += fmt::format(" {}:{}", is_inet4(one) ? "ip4" : "ip6", conf::to_text(one));
  return record + " -all";
}

std::vector<PlannedKey> keys_for(const DnsPlan& plan, const std::string& domain) {
  std::vector<PlannedKey> keys = plan.keys;
  if (const auto own = plan.keys_of.find(domain); own != plan.keys_of.end())
    keys.insert(keys.end(), own->second.begin(), own->second.end());
  return keys;
}

// One look at what is published. Questions are asked together: nothing stops at the first that
// waits.
class Check {
 public:
  Check(const DnsPlan& plan, const std::string& domain, auth::DnsMemo& memo)
      : plan_(plan), domain_(domain), memo_(memo) {}

  std::optional<std::vector<std::string>> run() {
    if (!auth::plain_name(domain_) || !domain_.contains('.'))
      return std::vector<std::string>{"this is no domain name"};
    check_exchangers();
    for (const conf::NetAddress& one : plan_.addresses) check_address(one);
    for (const conf::NetAddress& one : plan_.addresses) check_spf(one);
    for (const PlannedKey& one : keys_for(plan_, domain_)) check_key(one);
    check_dmarc();
    for (const conf::NetAddress& one : plan_.addresses) check_pointer(one);
    if (waits_) return std::nullopt;
    return std::move(complaints_);
  }

 private:
  template <class... Parts>
  void complain(fmt::format_string<Parts...> text, Parts&&... parts) {
    complaints_.push_back(fmt::format(text, std::forward<Parts>(parts)...));
  }

  // Null: nothing to look at, and that has been said or will be.
  const dns::Answer* find(const dns::Name& name, dns::Type type, std::string_view what) {
    const dns::Answer* answer = memo_.find(name, type);
    if (answer == nullptr) {
      waits_ = true;
      return nullptr;
    }
    if (answer->outcome != dns::Outcome::Failed) return answer;
    complain("the {} of {} could not be asked for: {}", what, name.text(),
             to_text(answer->failure));
    return nullptr;
  }

  // The joined strings of each text record.
  std::optional<std::vector<std::string>> texts(const std::string& owner) {
    const auto name = auth::plain_name(owner);
    if (!name) return std::nullopt;
    const dns::Answer* answer = find(*name, dns::Type::Txt, "text records");
    if (answer == nullptr) return std::nullopt;
    std::vector<std::string> all;
    for (const dns::RecordData& data : answer->records)
      if (const auto* text = std::get_if<dns::Text>(&data)) {
        all.emplace_back();
        for (const std::string& part : text->strings) all.back() += part;
      }
    return all;
  }

  void check_exchangers() {
    const auto host = auth::plain_name(plan_.host);
    const dns::Answer* answer =
        find(auth::plain_name(domain_).value(), dns::Type::Mx, "mail exchangers");
    if (answer == nullptr) return;
    if (answer->outcome == dns::Outcome::NoName)
      return complain("the domain does not exist: it is not registered or not delegated");
    if (answer->records.empty())
      return complain("there is no MX record: add one that names {}", plan_.host);
    const bool is_named = std::ranges::any_of(answer->records, [&](const dns::RecordData& data) {
      const auto* mx = std::get_if<dns::MailExchanger>(&data);
      return mx != nullptr && mx->host == host;
    });
    if (!is_named)
      complain("no MX record names {}: mail for the domain goes elsewhere", plan_.host);
  }

  void check_address(const conf::NetAddress& address) {
    const auto host = auth::plain_name(plan_.host);
    if (!host) return;
    const dns::Type type = is_inet4(address) ? dns::Type::A : dns::Type::Aaaa;
    const dns::Answer* answer = find(*host, type, "addresses");
    if (answer == nullptr) return;
    const auto place = std::ranges::find(answer->records, dns::RecordData(address));
    if (place == answer->records.end())
      complain("{} does not lead to {}: its {} record is missing", plan_.host,
               conf::to_text(address), is_inet4(address) ? "A" : "AAAA");
  }

  void check_spf(const conf::NetAddress& address) {
    const auth::SpfInput input{
        .client = address, .helo = plan_.host, .mail_from = "postmaster@" + domain_};
    const auto spf = auth::evaluate_spf(input, memo_);
    if (!spf) {
      waits_ = true;
    } else if (spf->result == auth::Result::None) {
      complain("there is no SPF record that lets {} send", conf::to_text(address));
    } else if (!spf->problem.empty()) {
      complain("SPF is {} for mail from {}: {}", to_text(spf->result), conf::to_text(address),
               spf->problem);
    } else if (spf->result != auth::Result::Pass) {
      complain("SPF does not let {} send: the result is {}, by \"{}\"", conf::to_text(address),
               to_text(spf->result), spf->mechanism);
    }
  }

  void check_key(const PlannedKey& key) {
    const std::string owner = fmt::format("{}._domainkey.{}", key.selector, domain_);
    const auto published = texts(owner);
    if (!published) return;
    if (published->empty()) return complain("no DKIM key is published at {}", owner);
    const auto ours = auth::parse_key_record(key.record);
    const bool is_there = std::ranges::any_of(*published, [&](const std::string& one) {
      const auto theirs = auth::parse_key_record(one);
      return ours && theirs && theirs->octets == ours->octets;
    });
    if (!is_there) complain("the DKIM key published at {} is not the one of the key file", owner);
  }

  void check_dmarc() {
    const std::string owner = "_dmarc." + domain_;
    auto published = texts(owner);
    if (!published) return;
    std::erase_if(*published, [](const std::string& one) { return !auth::is_dmarc_record(one); });
    if (published->empty()) return complain("there is no DMARC record at {}", owner);
    if (published->size() > 1)
      return complain("there are several DMARC records at {}: none of them counts", owner);
    const auto record = auth::parse_dmarc_record(published->front());
    if (!record) return complain("the DMARC record at {} has no policy that can be read", owner);
    if (record->policy == auth::DmarcPolicy::None && record->aggregate_uris.empty())
      complain("the DMARC record at {} asks for nothing, not even for reports", owner);
  }

  void check_pointer(const conf::NetAddress& address) {
    const auto host = auth::plain_name(plan_.host);
    const dns::Answer* answer =
        find(dns::Name::reverse_of(address), dns::Type::Ptr, "name of the address");
    if (answer == nullptr || !host) return;
    if (answer->records.empty())
      return complain("{} has no PTR record: many servers refuse its mail", conf::to_text(address));
    if (std::ranges::find(answer->records, dns::RecordData(*host)) == answer->records.end())
      complain("the PTR record of {} does not name {}", conf::to_text(address), plan_.host);
  }

  const DnsPlan& plan_;
  const std::string& domain_;
  auth::DnsMemo& memo_;
  std::vector<std::string> complaints_;
  bool waits_ = false;
};

}  // namespace

std::string zone_lines(const DnsPlan& plan, const std::string& domain) {
  std::string lines = fmt::format("{}. IN MX 10 {}.\n", domain, plan.host);
  for (const conf::NetAddress& one : plan.addresses)
    lines +=
        fmt::format("{}. IN {} {}\n", plan.host, is_inet4(one) ? "A" : "AAAA", conf::to_text(one));
  lines += fmt::format("{}. IN TXT \"{}\"\n", domain, spf_record(plan));
  for (const PlannedKey& key : keys_for(plan, domain))
    lines += zone_line(domain, key.selector, key.record) + "\n";
  const std::string reports = plan.reports.empty() ? "postmaster@" + domain : plan.reports;
  lines +=
      fmt::format("_dmarc.{}. IN TXT \"v=DMARC1; p=quarantine; rua=mailto:{}\"\n", domain, reports);
  for (const conf::NetAddress& one : plan.addresses)
    lines += fmt::format("{}. IN PTR {}.\n", dns::Name::reverse_of(one).text(), plan.host);
  return lines;
}

std::optional<std::vector<std::string>> check_zone(const DnsPlan& plan, const std::string& domain,
                                                   auth::DnsMemo& memo) {
  return Check(plan, domain, memo).run();
}

}  // namespace ringpost::ctl
