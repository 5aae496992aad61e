// URIs of rua and the records that permit them: RFC 7489 6.2, 7.1; RFC 6068 for what mailto may be.
#include "proto/auth/report_target.h"

#include <algorithm>
#include <limits>

#include "proto/auth/dmarc_discovery.h"
#include "proto/auth/dmarc_record.h"
#include "proto/auth/spf_macro.h"
#include "proto/base/ascii.h"
#include "proto/smtp/path.h"

namespace ringpost::auth {
namespace {

constexpr std::string_view scheme = "mailto:";

std::optional<std::string> percent_decoded(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      plain += text[i];
      continue;
    }
    const std::string_view digits = text.substr(i + 1, 2);
    const auto octet = ascii::parse_decimal<std::uint8_t>(digits, 16);
    if (digits.size() != 2 || !octet) return std::nullopt;
    plain += static_cast<char>(*octet);
    i += 2;
  }
  return plain;
}

// "10m": a number, and perhaps a unit in powers of 1024.
std::optional<std::uint64_t> size_of(std::string_view text) {
  constexpr std::string_view units = "kmgt";
  unsigned shift = 0;
  if (!text.empty() && !ascii::is_digit(text.back())) {
    const std::size_t unit = units.find(ascii::to_lower(text.back()));
    if (unit == std::string_view::npos) return std::nullopt;
    shift = static_cast<unsigned>(unit + 1) * 10;
    text.remove_suffix(1);
  }
  const auto number = ascii::parse_decimal<std::uint64_t>(text);
  if (!number || *number == 0) return std::nullopt;
  if (*number > std::numeric_limits<std::uint64_t>::max() >> shift) return std::nullopt;
  return *number << shift;
}

std::string joined(const dns::Text& text) {
  std::string whole;
  for (const std::string& part : text.strings) whole += part;
  return whole;
}

// RFC 7489 7.1 (6): only within the host that was asked.
void add_targets(const DmarcRecord& record, std::string_view host,
                 std::vector<ReportTarget>& targets) {
  for (const std::string& uri : record.aggregate_uris) {
    auto target = parse_report_target(uri);
    if (target && target->host == host) targets.push_back(std::move(*target));
  }
}

}  // namespace

std::optional<ReportTarget> parse_report_target(std::string_view uri) {
  if (!ascii::equal_ignoring_case(uri.substr(0, scheme.size()), scheme)) return std::nullopt;
  uri.remove_prefix(scheme.size());
  ReportTarget target;
  if (const std::size_t mark = uri.rfind('!'); mark != std::string_view::npos) {
    const auto size = size_of(uri.substr(mark + 1));
    if (!size) return std::nullopt;
    target.octets_max = *size;
    uri = uri.substr(0, mark);
  }
  const auto address = percent_decoded(uri.substr(0, uri.find('?')));
  const auto mailbox = address ? smtp::parse_mailbox(*address) : std::nullopt;
  if (!mailbox || smtp::has_non_ascii(*mailbox)) return std::nullopt;
  target.address = smtp::to_text(*mailbox);
  target.host = ascii::lower(mailbox->domain);
  // A domain is what can permit it; a literal cannot.
  if (!plain_name(target.host) || target.host.starts_with('[')) return std::nullopt;
  return target;
}

std::optional<ReportPermission> evaluate_report_permission(const std::string& policy_domain,
                                                           const std::string& host,
                                                           const SuffixList* suffixes,
                                                           DnsMemo& memo) {
  using Kind = ReportPermission::Kind;
  if (policy_domain == host) return ReportPermission{.kind = Kind::Permitted};
  DmarcDiscovery discovery(suffixes, memo);
  const auto ours = discovery.organization(policy_domain);
  const auto theirs = discovery.organization(host);
  if (!ours || !theirs) return std::nullopt;
  if (*ours == *theirs) return ReportPermission{.kind = Kind::Permitted};
  const auto name = plain_name(policy_domain + "._report._dmarc." + host);
  if (!name) return ReportPermission{};
  const dns::Answer* answer = memo.find(*name, dns::Type::Txt);
  if (answer == nullptr) return std::nullopt;
  if (answer->outcome == dns::Outcome::Failed) return ReportPermission{.kind = Kind::Failed};
  ReportPermission permission;
  for (const dns::RecordData& data : answer->records) {
    const auto* text = std::get_if<dns::Text>(&data);
    if (text == nullptr) continue;
    const std::string record = joined(*text);
    if (!is_dmarc_record(record)) continue;
    permission.kind = Kind::Permitted;
    if (const auto parsed = parse_dmarc_record(record))
      add_targets(*parsed, host, permission.instead);
  }
  return permission;
}

}  // namespace ringpost::auth
