// From signatures to results: see message_verifier.h.
// RFC 6376 6.1, RFC 8601 2.7.1, RFC 8617 5.2.
#include "scan/sign/message_verifier.h"

#include <algorithm>

#include <fmt/format.h>

namespace ringpost::scan {
namespace {

using auth::Canonical;
using auth::DkimSignature;
using auth::Result;

constexpr std::size_t start_octets = 8;               // of b=, RFC 6008
constexpr std::size_t signed_octets_expected = 2048;  // of an ordinary header

std::string start_of(const DkimSignature& signature) {
  std::string start;
  for (const char c : signature.signature_text) {
    if (start.size() == start_octets) break;
    if (!auth::is_folding(c)) start += c;
  }
  return start;
}

std::uint64_t now_s(WallTime now) {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(now.seconds(), 0));
}

}  // namespace

void MessageVerifier::take(Bytes octets) {
  const Bytes body = gatherer_.take(octets);
  if (!gatherer_.is_complete()) return;
  if (!header_) plan();
  if (!body.empty()) body_.feed(body);
}

void MessageVerifier::finish() {
  if (!header_) plan();
  body_.finish();
}

void MessageVerifier::plan() {
  header_.emplace(gatherer_.header());
  plan_dkim();
  plan_arc();
}

void MessageVerifier::plan_dkim() {
  for (const std::size_t place : header_->places("dkim-signature")) {
    const auth::HeaderField& field = header_->fields()[place];
    Dkim& dkim = dkim_.emplace_back();
    auto parsed = auth::parse_signature(auth::SignatureKind::Dkim, field);
    if (!parsed) {
      auth::SignatureFlaw& flaw = parsed.error();
      dkim.result = {.result = Result::PermError,
                     .domain = std::move(flaw.domain),
                     .selector = std::move(flaw.selector),
                     .algorithm = std::move(flaw.algorithm),
                     .reason = std::string(flaw.reason)};
      continue;
    }
    dkim.result = {.result = Result::Policy,
                   .domain = parsed->domain,
                   .selector = parsed->selector,
                   .algorithm = std::string(to_text(parsed->algorithm)),
                   .identity = parsed->identity,
                   .start = start_of(*parsed)};
    if (gatherer_.is_cut()) {
      dkim.result.reason = "the header is too large";
    } else if (dkim_.size() > dkim_signatures_max) {
      dkim.result.reason = fmt::format("not one of the first {} signatures", dkim_signatures_max);
    } else {
      const std::size_t hash = body_.want(parsed->body_form, parsed->length);
      dkim.checked = Signed{field, std::move(*parsed), hash};
    }
  }
}

void MessageVerifier::plan_arc() {
  auto chain = auth::parse_chain(*header_);
  if (!chain) {
    arc_ = {.result = Result::Fail,
            .instances = chain.error().instances,
            .reason = std::string(chain.error().reason),
            .ends_here = chain.error().ends_here};
    return;
  }
  if (chain->sets.empty()) return;
  arc_.instances = static_cast<unsigned>(chain->sets.size());
  if (gatherer_.is_cut()) {
    arc_.result = Result::Fail;
    arc_.reason = "the header is too large";
    return;
  }
  DkimSignature& message = chain->message_signature;
  chain_message_.field = chain->sets.back().message;
  if (message.form_is_assumed) {
    const std::size_t hash = body_.want(message.body_form, message.length);
    other_reading_ = Signed{chain_message_.field, message, hash};
    message.header_form = message.body_form = Canonical::Relaxed;
  }
  chain_message_.body_hash = body_.want(message.body_form, message.length);
  chain_message_.signature = std::move(message);
  chain_ = std::move(*chain);
}

// What needs no key, so that nobody is asked for a signature that is wrong already.
MessageVerifier::Verdict MessageVerifier::check_without_key(const Signed& subject,
                                                            WallTime now) const {
  const DkimSignature& signature = subject.signature;
  const std::uint64_t clock_s = now_s(now);
  if (signature.expires_at_s && *signature.expires_at_s < clock_s)
    return {Result::Fail, "the signature has expired"};
  if (signature.signed_at_s && *signature.signed_at_s > now_s(now + clock_leeway))
    return {Result::Fail, "the signature comes from the future"};
  // RFC 6376 3.5, l=: never more than there is.
  if (signature.length && *signature.length > body_.octets(signature.body_form))
    return {Result::Fail, "the body is shorter than l= says"};
  const Hash& hash = body_.hash(subject.body_hash);
  if (signature.body_hash != text_of(Bytes(hash)))
    return {Result::Fail, "the body is not what was signed"};
  if (leaves_from_unsigned(signature)) return {Result::Fail, "a From field is not signed"};
  return {};
}

// RFC 6376 8.15: readers may show the one that nobody signed.
bool MessageVerifier::leaves_from_unsigned(const DkimSignature& signature) const {
  const auto mentions = static_cast<std::size_t>(std::ranges::count(signature.names, "from"));
  return mentions != 0 && header_->places("from").size() > mentions;
}

Hash MessageVerifier::header_hash(const Signed& subject) const {
  const DkimSignature& signature = subject.signature;
  std::string text;
  text.reserve(signed_octets_expected);
  header_->append_chosen(signature.names, signature.header_form, text);
  text += auth::canonical_signature_field(subject.field, signature.signature_text,
                                          signature.header_form);
  return Sha256::of(text);
}

std::optional<MessageVerifier::Verdict> MessageVerifier::check_key(const DkimSignature& signature,
                                                                   const Hash& hash,
                                                                   auth::DnsMemo& dns) {
  const auto keys = keys_->find_keys(signature, dns);
  if (!keys) return std::nullopt;
  if (!*keys) return Verdict{keys->error().result, keys->error().reason};
  Verdict verdict{Result::PermError, "the key cannot be read"};
  for (const ReadKey* const one : **keys) {
    if (!one->usable) {
      if (verdict.result == Result::PermError) verdict.reason = one->usable.error();
    } else if (one->usable->verify(hash, signature.signature)) {
      return Verdict{};
    } else {
      verdict = {Result::Fail, one->key->is_testing
                                   ? "the signature does not verify; its key is for tests"
                                   : "the signature does not verify"};
    }
  }
  return verdict;
}

std::optional<MessageVerifier::Verdict> MessageVerifier::check(const Signed& subject,
                                                               auth::DnsMemo& dns, WallTime now) {
  const Verdict verdict = check_without_key(subject, now);
  if (verdict.result != Result::Pass) return verdict;
  // Asked for before the header is hashed: an evaluation that waits costs nothing.
  if (dns.find(subject.signature.key_name, dns::Type::Txt) == nullptr) return std::nullopt;
  return check_key(subject.signature, header_hash(subject), dns);
}

void MessageVerifier::conclude(Dkim& dkim, const Verdict& verdict) const {
  const DkimSignature& signature = dkim.checked->signature;
  dkim.result.result = verdict.result;
  dkim.result.reason = verdict.reason;
  if (signature.length && verdict.result == Result::Pass) {
    dkim.result.unsigned_octets = body_.octets(signature.body_form) - *signature.length;
    if (dkim.result.unsigned_octets > 0)
      dkim.result.reason =
          fmt::format("l= leaves {} octets of the body unsigned", dkim.result.unsigned_octets);
  }
  dkim.checked.reset();
}

std::optional<std::vector<auth::DkimResult>> MessageVerifier::evaluate_dkim(auth::DnsMemo& dns,
                                                                            WallTime now) {
  bool waits = false;
  for (Dkim& dkim : dkim_) {
    if (!dkim.checked) continue;
    if (const auto verdict = check(*dkim.checked, dns, now))
      conclude(dkim, *verdict);
    else
      waits = true;
  }
  if (waits) return std::nullopt;
  std::vector<auth::DkimResult> results;
  results.reserve(dkim_.size());
  for (const Dkim& dkim : dkim_) results.push_back(dkim.result);
  return results;
}

// RFC 8617 5.1.1: each seal signs all sets up to its own, itself without b=.
std::optional<MessageVerifier::Verdict> MessageVerifier::check_seals(auth::DnsMemo& dns) {
  bool waits = false;
  for (const auth::ArcSet& set : chain_->sets)
    waits = dns.find(set.seal_signature.key_name, dns::Type::Txt) == nullptr || waits;
  if (waits) return std::nullopt;
  Sha256 sets;
  for (const auth::ArcSet& set : chain_->sets) {
    std::string others;
    for (const auth::HeaderField* field : {&set.results, &set.message})
      append_canonical_field(Canonical::Relaxed, field->whole, others);
    sets.update(others);
    Sha256 sealed = sets;
    sealed.update(auth::canonical_signature_field(set.seal, set.seal_signature.signature_text,
                                                  Canonical::Relaxed));
    const auto verdict = check_key(set.seal_signature, sealed.finish(), dns);
    if (!verdict || verdict->result != Result::Pass) return verdict;
    std::string seal;
    append_canonical_field(Canonical::Relaxed, set.seal.whole, seal);
    sets.update(seal);
  }
  return Verdict{};
}

std::optional<auth::ArcResult> MessageVerifier::evaluate_arc(auth::DnsMemo& dns, WallTime now) {
  if (!chain_) return arc_;
  auto message = check(chain_message_, dns, now);
  if (message && message->result == Result::Fail && other_reading_)
    message = check(*other_reading_, dns, now);
  // A message signature that is wrong already decides; else both ask the DNS at once.
  const bool decided = message && message->result != Result::Pass;
  const auto seals = decided ? Verdict{} : check_seals(dns);
  if (!message || !seals) return std::nullopt;
  const Verdict& verdict = decided ? *message : *seals;
  arc_.result = verdict.result == Result::Pass ? Result::Pass : Result::Fail;
  arc_.is_temporary = verdict.result == Result::TempError;
  if (arc_.result == Result::Pass) {
    for (const auth::ArcSet& set : chain_->sets) arc_.sealers.push_back(set.seal_signature.domain);
    arc_.signs_from = std::ranges::count(chain_message_.signature.names, "from") != 0;
  } else {
    arc_.reason =
        fmt::format("{}: {}", decided ? "the message signature" : "a seal", verdict.reason);
  }
  chain_.reset();
  return arc_;
}

}  // namespace ringpost::scan
