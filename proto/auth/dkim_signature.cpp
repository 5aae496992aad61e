// Reading signatures: see dkim_signature.h.
// RFC 6376 3.5 and 6.1.1. Every rule that is broken has its own sentence.
#include "proto/auth/dkim_signature.h"

#include <algorithm>

#include "proto/base/ascii.h"

namespace ringpost::auth {
namespace {

using Reason = std::optional<std::string_view>;  // nothing: good

constexpr std::size_t number_digits_max = 76;  // RFC 6376 3.5, l=

bool is_host_name(std::string_view text) {
  const auto fits = [](char c) { return ascii::is_alnum(c) || c == '-' || c == '_' || c == '.'; };
  return !text.empty() && std::ranges::all_of(text, fits);
}

// 76 digits are allowed: what exceeds 64 bits is as good as the largest.
std::optional<std::uint64_t> parse_number(std::string_view text) {
  if (text.empty() || text.size() > number_digits_max) return std::nullopt;
  if (!std::ranges::all_of(text, ascii::is_digit)) return std::nullopt;
  return ascii::parse_decimal(text).value_or(~std::uint64_t{0});
}

Reason read_number(const TagList& tags, std::string_view name, std::string_view complaint,
                   std::optional<std::uint64_t>& target) {
  const auto text = tags.find(name);
  if (!text) return std::nullopt;
  target = parse_number(*text);
  return target ? Reason{} : complaint;
}

std::optional<Canonical> parse_form(std::string_view word) {
  if (ascii::equal_ignoring_case(word, "simple")) return Canonical::Simple;
  if (ascii::equal_ignoring_case(word, "relaxed")) return Canonical::Relaxed;
  return std::nullopt;
}

Reason read_forms(const TagList& tags, SignatureKind kind, DkimSignature& signature) {
  if (kind == SignatureKind::ArcSeal) {  // RFC 8617 5.1.1: relaxed, and c= means nothing
    signature.header_form = Canonical::Relaxed;
    return std::nullopt;
  }
  const auto text = tags.find("c");
  if (!text) {
    signature.form_is_assumed = kind == SignatureKind::ArcMessage;
    return std::nullopt;
  }
  const std::size_t slash = text->find('/');
  const auto header = parse_form(trim_folding(text->substr(0, slash)));
  const auto body = slash == std::string_view::npos
                        ? Canonical::Simple
                        : parse_form(trim_folding(text->substr(slash + 1)));
  if (!header || !body) return "c= names no known canonicalization";
  signature.header_form = *header;
  signature.body_form = *body;
  return std::nullopt;
}

Reason read_algorithm(const TagList& tags, DkimSignature& signature, SignatureFlaw& flaw) {
  const auto text = tags.find("a");
  if (!text) return "a= is missing";
  flaw.algorithm = ascii::lower(*text);
  if (flaw.algorithm == "rsa-sha256") {
    signature.algorithm = Algorithm::RsaSha256;
  } else if (flaw.algorithm == "ed25519-sha256") {
    signature.algorithm = Algorithm::Ed25519Sha256;
  } else if (flaw.algorithm == "rsa-sha1") {  // RFC 8301 3.1
    flaw.too_weak = true;
    return "rsa-sha1 proves nothing any more";
  } else {
    return "a= names no known algorithm";
  }
  return std::nullopt;
}

Reason read_place(const TagList& tags, DkimSignature& signature, SignatureFlaw& flaw) {
  const auto domain = tags.find("d"), selector = tags.find("s");
  if (!domain) return "d= is missing";
  flaw.domain = ascii::lower(*domain);
  if (!selector) return "s= is missing";
  flaw.selector = *selector;
  if (!is_host_name(*domain) || !domain->contains('.')) return "d= is no domain";
  if (!is_host_name(*selector)) return "s= is no selector";
  std::string place = flaw.selector;
  place += "._domainkey.";
  place += flaw.domain;
  auto name = dns::Name::parse(place);
  if (!name) return "d= and s= make no domain name";
  signature.domain = flaw.domain;
  signature.selector = flaw.selector;
  signature.key_name = std::move(*name);
  return std::nullopt;
}

Reason read_octets(const TagList& tags, SignatureKind kind, DkimSignature& signature) {
  const Tag* tag = tags.tag("b");
  if (tag == nullptr) return "b= is missing";
  auto octets = decode_folded_base64(tag->value);
  if (!octets) return "b= is no base64";
  signature.signature = std::move(*octets);
  signature.signature_text = tag->raw;
  if (kind == SignatureKind::ArcSeal) return std::nullopt;
  const auto hash = tags.find("bh");
  if (!hash) return "bh= is missing";
  auto decoded = decode_folded_base64(*hash);
  if (!decoded) return "bh= is no base64";
  signature.body_hash = std::move(*decoded);
  return std::nullopt;
}

// Empty entries choose nothing, and are passed over.
Reason read_names(const TagList& tags, SignatureKind kind, DkimSignature& signature) {
  const auto list = tags.find("h");
  if (kind == SignatureKind::ArcSeal)  // RFC 8617 4.1.3
    return list ? Reason{"an ARC-Seal with h="} : Reason{};
  if (!list) return "h= is missing";
  for (std::size_t at = 0; at <= list->size();) {
    const std::size_t end = std::min(list->find(':', at), list->size());
    const std::string_view name = trim_folding(list->substr(at, end - at));
    at = end + 1;
    if (!std::ranges::all_of(name, [](char c) { return c > ' ' && c <= '~'; }))
      return "h= holds what is no field name";
    if (!name.empty()) signature.names.push_back(ascii::lower(name));
  }
  const auto names = [&](const char* name) {
    return std::ranges::find(signature.names, name) != signature.names.end();
  };
  // RFC 8617 4.1.2: of ARC only this is said.
  if (kind == SignatureKind::ArcMessage)
    return names("arc-seal") ? Reason{"an ARC-Message-Signature of ARC-Seal"} : Reason{};
  return names("from") ? Reason{} : Reason{"From is not signed"};
}

// RFC 6376 3.5: i= is in d= or below it; its local part is quoted-printable, which has no '@'.
Reason read_identity(const TagList& tags, DkimSignature& signature) {
  const auto text = tags.find("i");
  signature.identity = text ? without_folding(*text) : "@" + signature.domain;
  const std::size_t at = signature.identity.rfind('@');
  if (at == std::string::npos) return "i= is no address";
  const std::string domain = ascii::lower(signature.identity.substr(at + 1));
  signature.identity_is_domain = domain == signature.domain;
  if (signature.identity_is_domain || domain.ends_with("." + signature.domain)) return std::nullopt;
  return "i= is not within d=";
}

Reason read_times(const TagList& tags, DkimSignature& signature) {
  if (auto flaw = read_number(tags, "t", "t= is no time", signature.signed_at_s)) return flaw;
  if (auto flaw = read_number(tags, "x", "x= is no time", signature.expires_at_s)) return flaw;
  if (auto flaw = read_number(tags, "l", "l= is no length", signature.length)) return flaw;
  if (signature.expires_at_s && signature.signed_at_s &&
      *signature.expires_at_s <= *signature.signed_at_s)
    return "x= is not after t=";
  return std::nullopt;
}

Reason read_chain(const TagList& tags, SignatureKind kind, DkimSignature& signature) {
  const auto instance = tags.find("i");
  const auto number = instance ? parse_instance(*instance) : std::nullopt;
  if (!number) return "i= is no instance";
  signature.instance = *number;
  if (kind != SignatureKind::ArcSeal) return std::nullopt;
  const std::string status = ascii::lower(tags.find("cv").value_or(""));
  if (status != "none" && status != "pass" && status != "fail") return "cv= is none of its words";
  signature.chain = status == "none"   ? ChainStatus::None
                    : status == "pass" ? ChainStatus::Pass
                                       : ChainStatus::Fail;
  return std::nullopt;
}

Reason read_tags(const TagList& tags, SignatureKind kind, DkimSignature& signature,
                 SignatureFlaw& flaw) {
  const bool is_dkim = kind == SignatureKind::Dkim;
  // Domain, selector and algorithm first: they tell signatures apart, good or not.
  const Reason place = read_place(tags, signature, flaw);
  const Reason algorithm = read_algorithm(tags, signature, flaw);
  if (is_dkim && tags.find("v") != "1") return "v= is not 1";
  if (place) return place;
  if (algorithm) return algorithm;
  if (auto reason = read_octets(tags, kind, signature)) return reason;
  if (auto reason = read_names(tags, kind, signature)) return reason;
  if (auto reason = read_forms(tags, kind, signature)) return reason;
  if (auto reason = read_times(tags, signature)) return reason;
  if (const auto query = tags.find("q"); query && !list_contains(*query, "dns/txt"))
    return "q= names no known way to the key";
  return is_dkim ? read_identity(tags, signature) : read_chain(tags, kind, signature);
}

}  // namespace

std::string_view to_text(Algorithm algorithm) {
  return algorithm == Algorithm::RsaSha256 ? "rsa-sha256" : "ed25519-sha256";
}

std::string_view to_text(ChainStatus status) {
  switch (status) {
    case ChainStatus::None:
      return "none";
    case ChainStatus::Pass:
      return "pass";
    case ChainStatus::Fail:
      return "fail";
  }
  return {};
}

std::optional<unsigned> parse_instance(std::string_view text) {
  if (text.size() > 10) return std::nullopt;
  const auto number = ascii::parse_decimal<unsigned>(text);
  if (!number || *number == 0 || *number > arc_instances_max) return std::nullopt;
  return number;
}

std::expected<DkimSignature, SignatureFlaw> parse_signature(SignatureKind kind,
                                                            const HeaderField& field) {
  const auto tags = TagList::parse(field.value);
  SignatureFlaw flaw;
  if (!tags) {
    flaw.reason = tags.error();
    return std::unexpected(std::move(flaw));
  }
  DkimSignature signature;
  if (const Reason reason = read_tags(*tags, kind, signature, flaw)) {
    flaw.reason = *reason;
    return std::unexpected(std::move(flaw));
  }
  return signature;
}

}  // namespace ringpost::auth
