// Tags of a DMARC record: RFC 7489 6.3 and 6.6.3, RFC 9989 4.7. What is wrong is passed over.
#include "proto/auth/dmarc_record.h"

#include <algorithm>
#include <array>

#include "proto/base/ascii.h"

namespace ringpost::auth {
namespace {

constexpr std::size_t uris_max = 16;

std::string_view take_until(std::string_view& text, char mark) {
  const std::string_view part = text.substr(0, text.find(mark));
  text.remove_prefix(std::min(part.size() + 1, text.size()));
  return part;
}

std::optional<DmarcPolicy> policy_of(std::string_view value) {
  for (const auto policy : {DmarcPolicy::None, DmarcPolicy::Quarantine, DmarcPolicy::Reject})
    if (ascii::equal_ignoring_case(value, to_text(policy))) return policy;
  return std::nullopt;
}

// A URI with a scheme; commas and exclamation marks within it are escaped (RFC 7489 6.2).
bool is_uri(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == 0 || colon == std::string_view::npos || colon + 1 == text.size()) return false;
  return ascii::is_alpha(text[0]) &&
         std::ranges::none_of(text, [](char c) { return c == ' ' || ascii::is_control(c); });
}

std::vector<std::string> uris_of(std::string_view value) {
  std::vector<std::string> uris;
  while (!value.empty() && uris.size() < uris_max) {
    const std::string_view uri = ascii::trim(take_until(value, ','));
    if (is_uri(uri)) uris.emplace_back(uri);
  }
  return uris;
}

bool is_yes(std::string_view value) { return ascii::equal_ignoring_case(value, "y"); }

// The tags as written; of those that stand twice the first counts.
class Reading {
 public:
  explicit Reading(std::string_view text) {
    while (!text.empty()) {
      std::string_view tag = take_until(text, ';');
      if (!tag.contains('=')) continue;
      const std::string_view name = ascii::trim(take_until(tag, '='));
      take(name, ascii::trim(tag));
    }
  }

  // RFC 7489 6.6.3 (6): what to do when p, sp or np cannot be read.
  std::optional<DmarcRecord> finish() {
    if (!has_policy_ || bad_policy_) {
      if (record_.aggregate_uris.empty()) return std::nullopt;
      record_.policy = DmarcPolicy::None;
      record_.subdomain_policy.reset();
      record_.nonexistent_policy.reset();
    }
    return record_;
  }

 private:
  void take(std::string_view name, std::string_view value) {
    const auto known = std::ranges::find_if(
        names, [&](std::string_view one) { return ascii::equal_ignoring_case(one, name); });
    if (known == names.end()) return;
    const auto index = static_cast<std::size_t>(known - names.begin());
    if (seen_[index]) return;
    seen_[index] = true;
    if (index < 3) return take_policy(index, value);
    take_other(*known, value);
  }

  void take_policy(std::size_t index, std::string_view value) {
    const auto policy = policy_of(value);
    if (!policy) {
      bad_policy_ = true;
    } else if (index == 0) {
      record_.policy = *policy;
      has_policy_ = true;
    } else {
      (index == 1 ? record_.subdomain_policy : record_.nonexistent_policy) = policy;
    }
  }

  void take_other(std::string_view name, std::string_view value) {
    if (name == "adkim") record_.strict_dkim = ascii::equal_ignoring_case(value, "s");
    if (name == "aspf") record_.strict_spf = ascii::equal_ignoring_case(value, "s");
    if (name == "t") record_.testing = is_yes(value);
    if (name == "rua") record_.aggregate_uris = uris_of(value);
    if (name == "ruf") record_.failure_uris = uris_of(value);
    if (name == "fo") record_.failure_options = value;
    if (name == "rf") record_.failure_format = value;
    if (name == "psd" && is_yes(value)) record_.suffix = DmarcSuffix::Yes;
    if (name == "psd" && ascii::equal_ignoring_case(value, "n")) record_.suffix = DmarcSuffix::No;
    if (const auto number = ascii::parse_decimal<std::uint32_t>(value)) {
      if (name == "pct" && *number <= 100) record_.percent = static_cast<std::uint8_t>(*number);
      if (name == "ri" && *number > 0) record_.interval_s = *number;
    }
  }

  static constexpr std::array<std::string_view, 13> names{
      "p", "sp", "np", "adkim", "aspf", "t", "pct", "psd", "ri", "rua", "ruf", "fo", "rf"};

  DmarcRecord record_;
  std::array<bool, names.size()> seen_{};
  bool has_policy_ = false;
  bool bad_policy_ = false;
};

}  // namespace

std::string_view to_text(DmarcPolicy policy) {
  switch (policy) {
    case DmarcPolicy::None:
      return "none";
    case DmarcPolicy::Quarantine:
      return "quarantine";
    case DmarcPolicy::Reject:
      break;
  }
  return "reject";
}

bool is_dmarc_record(std::string_view text) {
  std::string_view tag = take_until(text, ';');
  if (!tag.starts_with('v') || !tag.contains('=')) return false;
  return ascii::trim(take_until(tag, '=')) == "v" && ascii::trim(tag) == "DMARC1";
}

std::optional<DmarcRecord> parse_dmarc_record(std::string_view text) {
  if (!is_dmarc_record(text)) return std::nullopt;
  take_until(text, ';');
  return Reading(text).finish();
}

}  // namespace ringpost::auth
