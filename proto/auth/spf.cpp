// check_host() of RFC 7208 4, and the identities it is called with.
#include "proto/auth/spf.h"

#include <algorithm>

#include "proto/auth/spf_evaluation.h"
#include "proto/auth/spf_macro.h"
#include "proto/base/ascii.h"

namespace ringpost::auth {
namespace {

// What SMTP can carry is far shorter; macros may repeat it.
constexpr std::size_t identity_octets_max = 1024;
constexpr std::string_view default_local_part = "postmaster";

std::string_view bounded(std::string_view text) {
  return text.size() > identity_octets_max ? std::string_view() : text;
}

// RFC 7208 4.3: at least two labels, none of them bad, no address literal.
bool is_host_name(std::string_view domain) {
  if (domain.ends_with('.')) domain.remove_suffix(1);
  return domain.contains('.') && !domain.starts_with('[') && !ascii::has_high(domain) &&
         plain_name(domain).has_value();
}

std::optional<SpfResult> check(const SpfInput& input, SpfIdentity identity,
                               std::string_view local_part, std::string_view domain,
                               DnsMemo& memo) {
  if (domain.ends_with('.')) domain.remove_suffix(1);
  SpfResult result{.identity = identity, .domain = ascii::lower(domain)};
  if (!is_host_name(domain)) return result;
  const std::string_view receiver =
      input.receiver.empty() ? std::string_view("unknown") : std::string_view(input.receiver);
  const SpfSession session{.client = conf::unmapped(input.client),
                           .local_part = local_part.empty() ? default_local_part : local_part,
                           .sender_domain = domain,
                           .helo = bounded(input.helo),
                           .receiver = receiver,
                           .now = input.now};
  SpfEvaluation evaluation(session, memo);
  if (!evaluation.run(result)) return std::nullopt;
  return result;
}

}  // namespace

std::optional<SpfResult> evaluate_spf(const SpfInput& input, DnsMemo& memo) {
  const std::string_view sender = bounded(input.mail_from);
  if (input.mail_from.empty()) return evaluate_spf_helo(input, memo);
  const std::size_t at = sender.rfind('@');
  const bool has_at = at != std::string_view::npos;
  return check(input, SpfIdentity::MailFrom, has_at ? sender.substr(0, at) : std::string_view(),
               has_at ? sender.substr(at + 1) : sender, memo);
}

std::optional<SpfResult> evaluate_spf_helo(const SpfInput& input, DnsMemo& memo) {
  return check(input, SpfIdentity::Helo, {}, bounded(input.helo), memo);
}

}  // namespace ringpost::auth
