// DkimSignature: what a DKIM-Signature field says, or an ARC-Message-Signature or ARC-Seal, which
// are made of the same tags. RFC 6376 3.5, RFC 8301, RFC 8463, RFC 8617 4.1. What breaks the rules
// is a SignatureFlaw, with as much of domain and selector as could be read.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proto/auth/canonical.h"
#include "proto/auth/dkim_header.h"
#include "proto/auth/tag_list.h"
#include "proto/dns/name.h"

namespace ringpost::auth {

enum class Algorithm : std::uint8_t { RsaSha256, Ed25519Sha256 };
std::string_view to_text(Algorithm algorithm);

enum class SignatureKind : std::uint8_t { Dkim, ArcMessage, ArcSeal };

enum class ChainStatus : std::uint8_t { None, Pass, Fail };
std::string_view to_text(ChainStatus status);

// Texts are views into the field.
struct DkimSignature {
  Algorithm algorithm = Algorithm::RsaSha256;
  Canonical header_form = Canonical::Simple, body_form = Canonical::Simple;
  std::string domain = {};                   // d=, in lower case
  std::string selector = {};                 // s=
  dns::Name key_name = {};                   // where its key is published
  std::string signature = {};                // b=, decoded
  std::string_view signature_text;           // b= with the folds in and around it, RFC 6376 3.7
  std::string body_hash = {};                // bh=, decoded; ArcSeal: empty
  std::vector<std::string> names = {};       // h=, in lower case; ArcSeal: none
  std::optional<std::uint64_t> length = {};  // l=; octets of the body
  std::optional<std::uint64_t> signed_at_s = {};   // t=, Unix time
  std::optional<std::uint64_t> expires_at_s = {};  // x=
  std::string identity = {};                       // i= of DKIM, or its default
  bool identity_is_domain = true;                  // the domain of i= is d=, not one below
  bool form_is_assumed = false;                    // ArcMessage: there is no c=
  unsigned instance = 0;                           // i= of ARC
  ChainStatus chain = ChainStatus::None;           // cv= of ArcSeal
};

struct SignatureFlaw {
  std::string_view reason;  // static text
  std::string domain = {}, selector = {}, algorithm = {};
  bool too_weak = false;  // an algorithm that nobody may trust any more
};

std::expected<DkimSignature, SignatureFlaw> parse_signature(SignatureKind kind,
                                                            const HeaderField& field);

// The number that a tag of ARC has as its instance: 1 to 50.
inline constexpr unsigned arc_instances_max = 50;
std::optional<unsigned> parse_instance(std::string_view text);

}  // namespace ringpost::auth
