// Finding records: RFC 7489 6.6.3, RFC 9989 4.10. The questions of a walk are asked together.
#include "proto/auth/dmarc_discovery.h"

#include <algorithm>
#include <vector>

#include "proto/auth/dmarc.h"
#include "proto/auth/spf_macro.h"

namespace ringpost::auth {
namespace {

constexpr std::size_t walk_labels_max = 7;  // of the second name and those after it

bool is_void(const dns::Answer& answer) {
  return answer.outcome == dns::Outcome::NoData || answer.outcome == dns::Outcome::NoName;
}

// RFC 9989 4.10: the domain, then what is left of it label by label; long names are cut to seven
// labels after the first.
std::vector<std::string> walk_names(const std::string& domain) {
  std::vector<std::string> names{domain};
  std::string_view rest = domain;
  while (names.size() < walk_names_max && rest.contains('.')) {
    rest.remove_prefix(rest.find('.') + 1);
    if (std::ranges::count(rest, '.') >= static_cast<std::ptrdiff_t>(walk_labels_max)) continue;
    names.emplace_back(rest);
  }
  return names;
}

// "b.c" of "a.b.c" and "c".
std::string one_label_more(std::string_view domain, std::string_view suffix) {
  const std::size_t dot = domain.size() - suffix.size() - 1;
  const std::size_t before = dot == 0 ? std::string_view::npos : domain.rfind('.', dot - 1);
  return std::string(domain.substr(before == std::string_view::npos ? 0 : before + 1));
}

}  // namespace

std::optional<Discovery> DmarcDiscovery::record_at(const std::string& domain) {
  const auto name = plain_name("_dmarc." + domain);
  if (!name) return Discovery{};
  const dns::Answer* answer = memo_.find(*name, dns::Type::Txt);
  if (answer == nullptr) return std::nullopt;
  if (answer->outcome == dns::Outcome::Failed) return Discovery{.kind = Discovery::Kind::Failed};
  std::vector<std::string> records;
  for (const dns::RecordData& data : answer->records) {
    const auto* text = std::get_if<dns::Text>(&data);
    if (text == nullptr) continue;
    std::string joined;
    for (const std::string& part : text->strings) joined += part;
    if (is_dmarc_record(joined)) records.push_back(std::move(joined));
  }
  if (records.empty()) return Discovery{};
  if (records.size() > 1) return Discovery{.kind = Discovery::Kind::Several};
  const auto record = parse_dmarc_record(records[0]);
  if (!record) return Discovery{.kind = Discovery::Kind::Broken};
  return Discovery{Discovery::Kind::Found, *record, domain};
}

std::optional<DmarcDiscovery::Walk> DmarcDiscovery::walk(const std::string& domain) {
  const std::vector<std::string> names = walk_names(domain);
  std::vector<std::optional<Discovery>> records;
  for (const std::string& name : names) records.push_back(record_at(name));
  Walk walk{.domain = domain};
  for (std::size_t i = 0; i < records.size(); ++i) {
    if (!records[i]) return std::nullopt;
    if (records[i]->kind == Discovery::Kind::Failed) walk.failed = true;
    if (records[i]->kind != Discovery::Kind::Found) continue;
    const DmarcSuffix suffix = records[i]->record.suffix;
    if (suffix == DmarcSuffix::Yes && i > 0) {
      walk.suffix = records[i];
      walk.domain = one_label_more(domain, names[i]);
      if (walk.organization && walk.organization->domain != walk.domain) walk.organization.reset();
      return walk;
    }
    walk.organization = records[i];
    walk.domain = names[i];
    if (suffix != DmarcSuffix::Unknown) return walk;
  }
  return walk;
}

std::optional<Discovery> DmarcDiscovery::find_record(const std::string& domain) {
  auto own = record_at(domain);
  if (!own || own->kind == Discovery::Kind::Found || own->kind == Discovery::Kind::Failed)
    return own;
  // RFC 7489 6.6.3 (5) and (6): what is there, but wrong, ends the search. RFC 9989 4.10 goes on.
  if (suffixes_ != nullptr) {
    if (own->kind != Discovery::Kind::Nothing) return own;
    const auto above = organization(domain);
    return *above == domain ? own : record_at(*above);
  }
  const auto found = walk(domain);
  if (!found) return std::nullopt;
  if (found->organization) return found->organization;
  if (found->suffix) return found->suffix;
  return Discovery{.kind = found->failed ? Discovery::Kind::Failed : Discovery::Kind::Nothing};
}

std::optional<std::string> DmarcDiscovery::organization(const std::string& domain) {
  if (suffixes_ == nullptr) {
    const auto found = walk(domain);
    return found ? std::optional(found->domain) : std::nullopt;
  }
  std::string registered = suffixes_->registrable(domain);
  return registered.empty() ? domain : registered;
}

std::optional<bool> DmarcDiscovery::is_nonexistent(const std::string& domain) {
  const auto name = plain_name(domain);
  if (!name) return true;
  std::vector<const dns::Answer*> answers;
  for (const auto type : {dns::Type::A, dns::Type::Aaaa, dns::Type::Mx})
    answers.push_back(memo_.find(*name, type));
  if (std::ranges::find(answers, nullptr) != answers.end()) return std::nullopt;
  if (suffixes_ == nullptr) return answers[0]->outcome == dns::Outcome::NoName;
  return std::ranges::all_of(answers, [](const dns::Answer* one) { return is_void(*one); });
}

}  // namespace ringpost::auth
