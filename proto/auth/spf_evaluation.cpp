// The terms of records, one after the other: RFC 7208 4.6, 5 and 6. Every error is a verdict.
#include "proto/auth/spf_evaluation.h"

#include <algorithm>

#include <fmt/format.h>

#include "proto/base/ascii.h"

namespace ringpost::auth {
namespace {

constexpr std::size_t explanation_octets_max = 2048;

std::string joined(const dns::Text& text) {
  std::string all;
  for (const std::string& part : text.strings) all += part;
  return all;
}

// RFC 7208 4.5: the texts of a name that are SPF records.
std::vector<std::string> records_of(const dns::Answer& answer) {
  std::vector<std::string> records;
  for (const dns::RecordData& data : answer.records) {
    const auto* text = std::get_if<dns::Text>(&data);
    if (text == nullptr) continue;
    std::string record = joined(*text);
    if (is_spf_record(record)) records.push_back(std::move(record));
  }
  return records;
}

bool lies_below(const dns::Name& name, const dns::Name& domain) {
  return name != domain && name.text().ends_with("." + domain.text());
}

bool is_void(const dns::Answer& answer) {
  return answer.outcome == dns::Outcome::NoData || answer.outcome == dns::Outcome::NoName;
}

std::string failed_question(const dns::Name& name, const dns::Answer& answer) {
  return fmt::format("the DNS could not be asked about {}: {}", name.text(),
                     to_text(answer.failure));
}

}  // namespace

bool SpfEvaluation::run(SpfResult& result) {
  auto verdict = check_host(std::string(session_.sender_domain));
  if (!verdict) return false;
  if (verdict->result == Result::Fail && verdict->explanation_spec) {
    auto explanation = explain(*verdict);
    if (!explanation) return false;
    result.explanation = std::move(*explanation);
  }
  result.result = verdict->result;
  result.mechanism = std::move(verdict->mechanism);
  result.problem = std::move(verdict->problem);
  return true;
}

std::optional<SpfEvaluation::Verdict> SpfEvaluation::check_host(const std::string& domain) {
  const auto name = plain_name(domain);
  if (!name) return Verdict{};
  const dns::Answer* answer = memo_.find(*name, dns::Type::Txt);
  if (answer == nullptr) return std::nullopt;
  if (answer->outcome == dns::Outcome::Failed)
    return Verdict{.result = Result::TempError, .problem = failed_question(*name, *answer)};
  const std::vector<std::string> records = records_of(*answer);
  if (records.empty()) return Verdict{};
  if (records.size() > 1)
    return Verdict{.result = Result::PermError,
                   .problem = fmt::format("{} has more than one SPF record", name->text())};
  const auto record = parse_spf_record(records[0]);
  if (!record)
    return Verdict{.result = Result::PermError,
                   .problem = fmt::format("{}: {}", name->text(), record.error())};
  return apply(*record, domain);
}

std::optional<SpfEvaluation::Verdict> SpfEvaluation::apply(const SpfRecord& record,
                                                           const std::string& domain) {
  for (const SpfTerm& term : record.terms) {
    const Match match = matches(term, domain);
    if (match == Match::No) continue;
    if (match == Match::Waits) return std::nullopt;
    if (match == Match::Ended) return ended_;
    Verdict verdict{.result = term.qualifier, .mechanism = std::string(term.text)};
    if (record.explanation) verdict.explanation_spec = std::string(*record.explanation);
    verdict.explanation_domain = domain;
    return verdict;
  }
  if (record.redirect) return redirect(*record.redirect, domain);
  return Verdict{.result = Result::Neutral, .mechanism = "default"};
}

// RFC 7208 6.1.
std::optional<SpfEvaluation::Verdict> SpfEvaluation::redirect(std::string_view spec,
                                                              const std::string& domain) {
  if (!take_lookup()) return ended_;
  const auto values = values_for(spec, domain);
  if (!values) return std::nullopt;
  const auto target = expand_domain(spec, *values);
  auto verdict = target ? check_host(plain_text(*target)) : Verdict{};
  if (!verdict || verdict->result != Result::None) return verdict;
  return Verdict{.result = Result::PermError,
                 .problem = fmt::format("redirect={} leads to no SPF record", spec)};
}

SpfEvaluation::Match SpfEvaluation::matches(const SpfTerm& term, const std::string& domain) {
  if (term.mechanism == SpfMechanism::All) return Match::Yes;
  if (term.mechanism == SpfMechanism::Ip4 || term.mechanism == SpfMechanism::Ip6) {
    const conf::NetPrefix& network = term.network;
    return network.address.family == session_.client.family &&
                   conf::masked(session_.client, network.length) == network.address
               ? Match::Yes
               : Match::No;
  }
  if (!take_lookup()) return Match::Ended;
  auto target = plain_name(domain);
  if (!term.domain_spec.empty()) {
    const auto values = values_for(term.domain_spec, domain);
    if (!values) return Match::Waits;
    target = expand_domain(term.domain_spec, *values);
  }
  switch (term.mechanism) {
    case SpfMechanism::Include:
      return target ? matches_include(*target) : end(Result::PermError, "include of no domain");
    case SpfMechanism::A:
      return target ? compare(term, *target) : Match::No;
    case SpfMechanism::Mx:
      return target ? matches_exchangers(term, *target) : Match::No;
    case SpfMechanism::Exists:
      return target ? matches_exists(*target) : Match::No;
    default:
      return target ? matches_pointer(*target) : Match::No;
  }
}

// RFC 7208 5.2.
SpfEvaluation::Match SpfEvaluation::matches_include(const dns::Name& target) {
  const auto verdict = check_host(plain_text(target));
  if (!verdict) return Match::Waits;
  switch (verdict->result) {
    case Result::Pass:
      return Match::Yes;
    case Result::TempError:
    case Result::PermError:
      return end(verdict->result, verdict->problem);
    case Result::None:
      return end(Result::PermError, fmt::format("{} has no SPF record", target.text()));
    default:
      return Match::No;
  }
}

// RFC 7208 5.4 and 4.6.4. All hosts are asked for before the first one is waited for.
SpfEvaluation::Match SpfEvaluation::matches_exchangers(const SpfTerm& term,
                                                       const dns::Name& target) {
  const dns::Answer* answer = look_up(target, dns::Type::Mx);
  if (answer == nullptr) return missing();
  if (answer->records.size() > spf_exchangers_max)
    return end(Result::PermError, fmt::format("{} has more than {} mail exchangers", target.text(),
                                              spf_exchangers_max));
  std::vector<dns::MailExchanger> hosts;
  for (const dns::RecordData& data : answer->records)
    if (const auto* mx = std::get_if<dns::MailExchanger>(&data); mx && !mx->host.is_root())
      hosts.push_back(*mx);
  for (const dns::MailExchanger& one : hosts) memo_.find(one.host, address_type());
  for (const dns::MailExchanger& one : hosts)
    if (const Match match = compare(term, one.host); match != Match::No) return match;
  return Match::No;
}

// RFC 7208 5.7: an A record, whatever the client has.
SpfEvaluation::Match SpfEvaluation::matches_exists(const dns::Name& target) {
  const dns::Answer* answer = look_up(target, dns::Type::A);
  if (answer == nullptr) return missing();
  return answer->records.empty() ? Match::No : Match::Yes;
}

// RFC 7208 5.5.
SpfEvaluation::Match SpfEvaluation::matches_pointer(const dns::Name& target) {
  const auto names = validated_names(true);
  if (!names) return missing();
  const bool any = std::ranges::any_of(
      *names, [&](const dns::Name& name) { return name == target || lies_below(name, target); });
  return any ? Match::Yes : Match::No;
}

SpfEvaluation::Match SpfEvaluation::compare(const SpfTerm& term, const dns::Name& host) {
  const dns::Answer* answer = look_up(host, address_type());
  if (answer == nullptr) return missing();
  const bool is_inet4 = session_.client.family == conf::Family::Inet4;
  const unsigned length = is_inet4 ? term.length4 : term.length6;
  const conf::NetAddress client = conf::masked(session_.client, length);
  const bool any = std::ranges::any_of(answer->records, [&](const dns::RecordData& data) {
    const auto* address = std::get_if<conf::NetAddress>(&data);
    return address != nullptr && conf::masked(*address, length) == client;
  });
  return any ? Match::Yes : Match::No;
}

const dns::Answer* SpfEvaluation::look_up(const dns::Name& name, dns::Type type) {
  const dns::Answer* answer = memo_.find(name, type);
  if (answer == nullptr) return nullptr;
  if (answer->outcome == dns::Outcome::Failed) {
    end(Result::TempError, failed_question(name, *answer));
    return nullptr;
  }
  if (is_void(*answer) && ++void_lookups_ > spf_void_lookups_max) {
    end(Result::PermError,
        fmt::format("more than {} questions without an answer", spf_void_lookups_max));
    return nullptr;
  }
  return answer;
}

bool SpfEvaluation::take_lookup() {
  if (++lookups_ <= spf_lookups_max) return true;
  end(Result::PermError, fmt::format("more than {} terms that ask the DNS", spf_lookups_max));
  return false;
}

SpfEvaluation::Match SpfEvaluation::end(Result result, std::string problem) {
  ended_ = Verdict{.result = result, .problem = std::move(problem)};
  return Match::Ended;
}

// Errors make a name, or all of them, unknown; they end nothing. Names of a stranger's address that
// are void do not count either: the sender's domain cannot help them.
std::optional<std::vector<dns::Name>> SpfEvaluation::validated_names(bool counts) {
  const dns::Answer* answer = memo_.find(dns::Name::reverse_of(session_.client), dns::Type::Ptr);
  if (answer == nullptr) return std::nullopt;
  if (counts && is_void(*answer) && ++void_lookups_ > spf_void_lookups_max) {
    end(Result::PermError,
        fmt::format("more than {} questions without an answer", spf_void_lookups_max));
    return std::nullopt;
  }
  std::vector<dns::Name> names, validated;
  for (const dns::RecordData& data : answer->records)
    if (const auto* name = std::get_if<dns::Name>(&data); name && names.size() < spf_pointers_max)
      names.push_back(*name);
  bool waits = false;
  for (const dns::Name& name : names) {
    const dns::Answer* addresses = memo_.find(name, address_type());
    if (addresses == nullptr) {
      waits = true;
    } else if (std::ranges::find(addresses->records, dns::RecordData(session_.client)) !=
               addresses->records.end()) {
      validated.push_back(name);
    }
  }
  if (waits) return std::nullopt;
  return validated;
}

// RFC 7208 7.3: the domain itself, else one below it, else any.
std::optional<std::string> SpfEvaluation::validated_name(std::string_view domain) {
  const auto names = validated_names(false);
  if (!names) return std::nullopt;
  if (names->empty()) return std::string("unknown");
  const auto wanted = plain_name(domain);
  if (!wanted) return plain_text(names->front());
  if (std::ranges::find(*names, *wanted) != names->end()) return plain_text(*wanted);
  const auto below = std::ranges::find_if(
      *names, [&](const dns::Name& name) { return lies_below(name, *wanted); });
  return below != names->end() ? plain_text(*below) : plain_text(names->front());
}

std::optional<MacroValues> SpfEvaluation::values_for(std::string_view spec,
                                                     std::string_view domain) {
  MacroValues values{.local_part = session_.local_part,
                     .sender_domain = session_.sender_domain,
                     .domain = domain,
                     .helo = session_.helo,
                     .receiver = session_.receiver,
                     .validated_name = "unknown",
                     .client = session_.client,
                     .now = session_.now};
  if (!needs_validated_name(spec)) return values;
  auto name = validated_name(domain);
  if (!name) return std::nullopt;
  name_room_ = std::move(*name);
  values.validated_name = name_room_;
  return values;
}

// RFC 7208 6.2: whatever is wrong with it, then there is no explanation.
std::optional<std::string> SpfEvaluation::explain(const Verdict& verdict) {
  const std::string& domain = verdict.explanation_domain;
  const auto values = values_for(*verdict.explanation_spec, domain);
  if (!values) return std::nullopt;
  const auto place = expand_domain(*verdict.explanation_spec, *values);
  if (!place) return std::string();
  const dns::Answer* answer = memo_.find(*place, dns::Type::Txt);
  if (answer == nullptr) return std::nullopt;
  const auto* text =
      answer->records.size() == 1 ? std::get_if<dns::Text>(&answer->records[0]) : nullptr;
  if (text == nullptr) return std::string();
  const std::string published = joined(*text);
  if (!is_macro_string(published, true)) return std::string();
  const auto all_values = values_for(published, domain);
  if (!all_values) return std::nullopt;
  auto explanation = expand_macros(published, *all_values, explanation_octets_max);
  const bool is_fit = explanation && !ascii::has_high(*explanation) &&
                      std::ranges::none_of(*explanation, ascii::is_control);
  return is_fit ? std::move(*explanation) : std::string();
}

dns::Type SpfEvaluation::address_type() const {
  return session_.client.family == conf::Family::Inet4 ? dns::Type::A : dns::Type::Aaaa;
}

}  // namespace ringpost::auth
