// Signatures of mail: see mail_signer.h. RFC 6376 5, RFC 8463 3, RFC 8617 5.1. Who holds the keys
// gets digests and nothing else.
#include "engine/mta/mail_signer.h"

#include <algorithm>

#include "engine/mta/ascii_domain.h"
#include "proto/auth/dmarc.h"
#include "proto/base/ascii.h"
#include "proto/conf/table.h"

namespace ringpost::mta {
namespace {

using auth::Algorithm;
using auth::Canonical;

Algorithm algorithm_of(const SigningKey& key) {
  return key.key.kind == process::KeyKind::Rsa ? Algorithm::RsaSha256 : Algorithm::Ed25519Sha256;
}

std::uint16_t scheme_of(const SigningKey& key) {
  return key.key.kind == process::KeyKind::Rsa ? process::rsa_sha256_digest_scheme
                                               : process::ed25519_scheme;
}

constexpr Duration hurry_max = seconds(2);

constexpr Canonical form_of(bool is_simple) {
  return is_simple ? Canonical::Simple : Canonical::Relaxed;
}

bool is_within(std::string_view domain, std::string_view parent) {
  if (!domain.ends_with(parent)) return false;
  return domain.size() == parent.size() || domain[domain.size() - parent.size() - 1] == '.';
}

// By its name, or by "@domain".
bool is_named(const conf::DkimKey& line, std::string_view user) {
  if (line.users == nullptr) return false;
  const std::size_t at = user.rfind('@');
  return line.users->contains(user) || (at != user.npos && line.users->contains(user.substr(at)));
}

// What the line asks of whose mail it is.
bool is_meant(const conf::DkimKey& line, const SigningClient& client) {
  if (!line.tag.empty() && !ascii::equal_ignoring_case(line.tag, client.tag)) return false;
  if (line.only_authenticated && client.user.empty()) return false;
  return line.users == nullptr || is_named(line, client.user);
}

// Whether the client may speak for an author at `domain`.
bool may_speak(const conf::DkimKey& line, const SigningClient& client, std::string_view domain) {
  const std::size_t at = client.user.rfind('@');
  if (at == std::string_view::npos || is_named(line, client.user)) return true;
  return is_within(domain, ascii::lower(ascii_domain(client.user.substr(at + 1))));
}

}  // namespace

std::vector<const SigningKey*> choose_keys(const SigningKeys& keys, const SigningClient& client,
                                           const std::vector<std::string>& author_domains) {
  std::vector<const SigningKey*> chosen;
  const auto add = [&chosen](const SigningKey& key) {
    if (std::ranges::find(chosen, &key) == chosen.end()) chosen.push_back(&key);
  };
  for (const std::string& author : author_domains) {
    const std::string domain = ascii::lower(ascii_domain(author));
    const auto* const found = keys.find(domain);
    if (found == nullptr) continue;
    for (const SigningKey& key : *found)
      if (is_meant(*key.line, client) && may_speak(*key.line, client, domain)) add(key);
  }
  for (const SigningKey& key : keys.any_author)
    if (is_meant(*key.line, client)) add(key);
  return chosen;
}

MailSigner::MailSigner(WorkerParts& parts, std::shared_ptr<const Generation> generation,
                       Purpose purpose)
    : parts_(parts), generation_(std::move(generation)), purpose_(purpose) {
  const SigningKeys& keys = generation_->signing;
  const bool signs = purpose == Purpose::Dkim;
  if (!signs || keys.wants_relaxed_body) content_.want(Canonical::Relaxed);
  if (signs && keys.wants_simple_body) content_.want(Canonical::Simple);
  if (generation_->config.smtp.bare_newline == conf::BareNewline::Keep) line_ends_.emplace();
}

MailSigner::~MailSigner() {
  if (late_.armed()) parts_.core.timers().disarm(late_);
  parts_.signer->forget(*this);
}

// RFC 6376 5.3: a bare CR or LF may be changed on the way.
bool MailSigner::can_be_signed() const {
  if (line_ends_ && line_ends_->has_bare()) return false;
  return content_.can_be_signed() && !content_.header().places("from").empty();
}

void MailSigner::begin(MailSignerOwner& owner) {
  owner_ = &owner;
  if (hurries_) hurry();
  ask();
}

void MailSigner::hurry() {
  hurries_ = true;
  if (owner_ == nullptr || late_.armed()) return;
  parts_.core.timers().arm(late_, parts_.core.now() + hurry_max);
}

void MailSigner::time_is_up() {
  parts_.signer->forget(*this);
  finish(false);
}

// A message without a From field is nobody's, and a header that was cut may hold anything.
bool MailSigner::sign(const SigningClient& client, MailSignerOwner& owner) {
  content_.finish();
  if (!can_be_signed()) return false;
  const auto authors = auth::author_domains(content_.header());
  if (authors.size() > auth::author_domains_max) return false;  // nobody's: see evaluate_dmarc()
  keys_ = choose_keys(generation_->signing, client, authors);
  if (keys_.empty()) return false;
  begin(owner);
  return true;
}

bool MailSigner::seal(std::string_view results, std::string authserv_id, MailSignerOwner& owner) {
  content_.finish();
  const SigningKey& key = *generation_->signing.seal;
  // A set that says the chain has failed ends it for ever: not for a name server that is silent.
  if (chain_.is_temporary) return false;
  if (!can_be_signed()) return false;
  std::vector<std::string> names = scan::names_present(content_.header());
  // RFC 8617 4.1.2: what vouches for the author goes with the message.
  names.insert(names.end(), content_.header().places("dkim-signature").size(), "dkim-signature");
  scan::SealWish wish{.algorithm = algorithm_of(key),
                      .domain = key.domain,
                      .selector = key.selector,
                      .authserv_id = authserv_id,
                      .results = scan::own_results(auth::MessageHeader(results), authserv_id),
                      .names = std::move(names),
                      .signed_at_s = static_cast<std::uint64_t>(parts_.core.wall().seconds())};
  sealer_ = scan::ArcSealer::begin(content_, chain_, std::move(wish));
  if (!sealer_) return false;
  keys_.assign(1, &key);
  begin(owner);
  return true;
}

scan::UnsignedField MailSigner::next_field() {
  if (sealer_) return next_ == 0 ? sealer_->message_field() : sealer_->seal_field(message_field_);
  const SigningKey& key = *keys_[next_];
  return scan::dkim_field(content_,
                          {.algorithm = algorithm_of(key),
                           .domain = key.domain,
                           .selector = key.selector,
                           .header_form = form_of(key.line->simple_header),
                           .body_form = form_of(key.line->simple_body),
                           .expires = key.line->expires},
                          parts_.core.wall());
}

void MailSigner::ask() {
  const SigningKey& key = sealer_ ? *keys_[0] : *keys_[next_];
  field_ = next_field();
  parts_.signer->sign(*this, key.key.name, scheme_of(key), field_.hash);
}

void MailSigner::signature_ready(std::expected<std::vector<std::byte>, Fault> signature) {
  if (!signature) return finish(false);
  completed(text_of(*signature));
  const std::size_t all = sealer_ ? 2 : keys_.size();
  next_ < all ? ask() : finish(true);
}

void MailSigner::completed(std::string_view signature) {
  std::string field = field_.complete(signature);
  if (!sealer_) {
    fields_ += field;
  } else if (next_ == 0) {
    message_field_ = std::move(field);
  } else {
    fields_ = sealer_->set(field);
  }
  ++next_;
}

void MailSigner::finish(bool is_done) {
  if (late_.armed()) parts_.core.timers().disarm(late_);
  std::exchange(owner_, nullptr)->mail_signed(is_done);
}

}  // namespace ringpost::mta
