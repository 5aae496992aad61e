// SRS: see sender_rewriting.h; the form of the addresses is mail::Srs's.
#include "engine/mta/sender_rewriting.h"

#include "proto/base/ascii.h"
#include "proto/base/keyed_hash.h"
#include "proto/smtp/path.h"

namespace ringpost::mta {
namespace {

// A key of SipHash from a text of any length.
HashKey key_from(std::string_view secret) {
  return {keyed_hash({0, 1}, secret), keyed_hash({0, 2}, secret)};
}

// SipHash is made for short texts with 64 bits of result; an address shows 30 of them.
std::array<std::byte, 8> authenticate(std::string_view key, std::string_view text) {
  std::uint64_t value = keyed_hash(key_from(key), text);
  std::array<std::byte, 8> octets{};
  for (std::byte& octet : octets) {
    octet = static_cast<std::byte>(value >> 56);
    value <<= 8;
  }
  return octets;
}

// Somebody here would get it.
bool is_taken(const conf::Expansion& expansion) {
  return expansion.outcome == conf::Outcome::Deliver && expansion.rule != nullptr &&
         expansion.rule->action->method != conf::Method::Relay;
}

}  // namespace

std::optional<mail::Srs> srs_of(const conf::SrsSettings& settings) {
  if (settings.key.empty()) return std::nullopt;
  return mail::Srs({settings.key, settings.backup_key, settings.ttl}, authenticate);
}

std::string forwarded_sender(const Generation& generation, const std::string& sender,
                             const store::Recipient& recipient, WallTime now) {
  const auto from = smtp::parse_reverse_path(sender);
  const auto accepted = smtp::parse_forward_path(recipient.accepted_address);
  const auto final = smtp::parse_forward_path(recipient.final_address);
  if (!generation.srs || !from || from->is_null() || !accepted || !final) return sender;
  const std::string& domain =
      accepted->is_bare_postmaster() ? generation.config.server_name : accepted->mailbox.domain;
  const bool is_forwarded =
      !ascii::equal_ignoring_case(final->mailbox.local, accepted->mailbox.local) ||
      !ascii::equal_ignoring_case(final->mailbox.domain, domain);
  if (!is_forwarded || ascii::equal_ignoring_case(from->mailbox.domain, domain)) return sender;
  auto local = generation.srs->rewrite({from->mailbox.local, from->mailbox.domain}, now);
  if (!local) return sender;
  return smtp::to_text(smtp::Mailbox{std::move(*local), domain});
}

conf::Expansion expand_recipient(const Generation& generation, const conf::SessionFacts& session,
                                 conf::AddressView recipient, conf::Lookups& lookups,
                                 WallTime now) {
  const auto expand = [&](conf::AddressView address, bool forwarded) {
    return conf::expand(generation.config, generation.host, session, address, lookups, forwarded);
  };
  const bool is_report = session.sender.user.empty() && session.sender.domain.empty();
  if (!generation.srs || !is_report) return expand(recipient, false);
  const auto sender = generation.srs->restore(recipient.user, now);
  if (sender) return expand({sender->local, sender->domain}, true);
  conf::Expansion unknown;
  unknown.outcome = conf::Outcome::Unknown;
  if (sender.error() == mail::SrsFault::Expired) return unknown;
  conf::Expansion ordinary = expand(recipient, false);
  if (sender.error() == mail::SrsFault::NotRewritten || !is_taken(ordinary)) return ordinary;
  unknown.rule = ordinary.rule;
  return unknown;
}

}  // namespace ringpost::mta
