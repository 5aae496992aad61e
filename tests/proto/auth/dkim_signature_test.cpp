// Signature fields: every rule of RFC 6376 3.5 that can be broken, each with its sentence.
#include "proto/auth/dkim_signature.h"

#include <gtest/gtest.h>

namespace ringpost::auth {
namespace {

const std::string good =
    " v=1; a=rsa-sha256; c=relaxed/simple; d=Example.COM; s=Sel; h=From : To:from;\r\n"
    " bh=Zm9v; b=Zm9v\r\n YmFy; t=10; x=11; l=5; q=dns/txt; i=a@sub.example.com";

// Texts of fields, kept for the views into them.
std::expected<DkimSignature, SignatureFlaw> parse(SignatureKind kind, const std::string& value) {
  static std::vector<std::unique_ptr<std::string>> kept;
  kept.push_back(std::make_unique<std::string>("Name:" + value));
  const std::string_view whole = *kept.back();
  return parse_signature(kind, {whole, whole.substr(0, 4), whole.substr(5)});
}

std::string replaced(std::string text, std::string_view old, std::string_view by) {
  const std::size_t at = text.find(old);
  EXPECT_NE(at, std::string::npos) << old;
  return text.replace(at, old.size(), by);
}

std::string_view flaw(std::string_view old, std::string_view by) {
  const auto parsed = parse(SignatureKind::Dkim, replaced(good, old, by));
  return parsed ? std::string_view() : parsed.error().reason;
}

TEST(DkimSignature, ReadsEveryTag) {
  const auto parsed = parse(SignatureKind::Dkim, good);
  ASSERT_TRUE(parsed.has_value());
  EXPECT_EQ(parsed->algorithm, Algorithm::RsaSha256);
  EXPECT_EQ(parsed->header_form, Canonical::Relaxed);
  EXPECT_EQ(parsed->body_form, Canonical::Simple);
  EXPECT_EQ(parsed->domain, "example.com");
  EXPECT_EQ(parsed->selector, "Sel");
  EXPECT_EQ(parsed->key_name.text(), "sel._domainkey.example.com");
  EXPECT_EQ(parsed->signature, "foobar");
  EXPECT_EQ(parsed->signature_text, "Zm9v\r\n YmFy");
  EXPECT_EQ(parsed->body_hash, "foo");
  EXPECT_EQ(parsed->names, (std::vector<std::string>{"from", "to", "from"}));
  EXPECT_EQ(parsed->length, 5u);
  EXPECT_EQ(parsed->signed_at_s, 10u);
  EXPECT_EQ(parsed->expires_at_s, 11u);
  EXPECT_EQ(parsed->identity, "a@sub.example.com");
  EXPECT_FALSE(parsed->identity_is_domain);
}

TEST(DkimSignature, KnowsItsDefaults) {
  const auto parsed =
      parse(SignatureKind::Dkim, "v=1; a=ed25519-sha256; d=a.b; s=s; h=from; bh=Zm9v; b=Zm9v");
  ASSERT_TRUE(parsed.has_value());
  EXPECT_EQ(parsed->algorithm, Algorithm::Ed25519Sha256);
  EXPECT_EQ(parsed->header_form, Canonical::Simple);
  EXPECT_EQ(parsed->body_form, Canonical::Simple);
  EXPECT_EQ(parsed->identity, "@a.b");
  EXPECT_TRUE(parsed->identity_is_domain);
}

TEST(DkimSignature, RefusesEachBrokenRule) {
  EXPECT_EQ(flaw("v=1", "v=2"), "v= is not 1");
  EXPECT_EQ(flaw("v=1;", ""), "v= is not 1");
  EXPECT_EQ(flaw("a=rsa-sha256;", ""), "a= is missing");
  EXPECT_EQ(flaw("rsa-sha256", "rsa-md5"), "a= names no known algorithm");
  EXPECT_EQ(flaw("d=Example.COM;", ""), "d= is missing");
  EXPECT_EQ(flaw("Example.COM", "com"), "d= is no domain");
  EXPECT_EQ(flaw("Example.COM", "a\\.b.c"), "d= is no domain");
  EXPECT_EQ(flaw("Example.COM", "a..b"), "d= and s= make no domain name");
  EXPECT_EQ(flaw("s=Sel;", ""), "s= is missing");
  EXPECT_EQ(flaw("s=Sel", "s="), "s= is no selector");
  EXPECT_EQ(flaw("b=Zm9v\r\n YmFy;", ""), "b= is missing");
  EXPECT_EQ(flaw("b=Zm9v\r\n YmFy", "b=?"), "b= is no base64");
  EXPECT_EQ(flaw("bh=Zm9v;", ""), "bh= is missing");
  EXPECT_EQ(flaw("bh=Zm9v", "bh="), "bh= is no base64");
  EXPECT_EQ(flaw("h=From : To:from;", ""), "h= is missing");
  EXPECT_EQ(flaw("From : To:from", "To"), "From is not signed");
  EXPECT_EQ(flaw("From : To", "From : T o"), "h= holds what is no field name");
  EXPECT_EQ(flaw("relaxed/simple", "relaxed/nowhere"), "c= names no known canonicalization");
  EXPECT_EQ(flaw("relaxed/simple", ""), "c= names no known canonicalization");
  EXPECT_EQ(flaw("t=10", "t=ten"), "t= is no time");
  EXPECT_EQ(flaw("x=11", "x=-1"), "x= is no time");
  EXPECT_EQ(flaw("x=11", "x=10"), "x= is not after t=");
  EXPECT_EQ(flaw("l=5", "l=" + std::string(77, '1')), "l= is no length");
  EXPECT_EQ(flaw("l=5", "l=" + std::string(76, '1')), "");
  EXPECT_EQ(flaw("dns/txt", "http"), "q= names no known way to the key");
  EXPECT_EQ(flaw("dns/txt", "http : dns/txt"), "");
  EXPECT_EQ(flaw("sub.example.com", "badexample.com"), "i= is not within d=");
  EXPECT_EQ(flaw("a@sub.example.com", "nobody"), "i= is no address");
  EXPECT_EQ(flaw("l=5", "l=5; l=6"), "a tag that stands there twice");
}

// RFC 8301 3.1
TEST(DkimSignature, CallsSha1WhatItIs) {
  const auto parsed = parse(SignatureKind::Dkim, replaced(good, "sha256", "sha1"));
  ASSERT_FALSE(parsed.has_value());
  EXPECT_TRUE(parsed.error().too_weak);
  EXPECT_EQ(parsed.error().domain, "example.com");
  EXPECT_EQ(parsed.error().selector, "Sel");
  EXPECT_EQ(parsed.error().algorithm, "rsa-sha1");
}

TEST(DkimSignature, TakesALongListOfFieldNames) {
  std::string names = "from";
  while (names.size() < 65536) names += ":x";
  const auto parsed = parse(SignatureKind::Dkim, replaced(good, "From : To:from", names));
  ASSERT_TRUE(parsed.has_value());
  EXPECT_GT(parsed->names.size(), 30'000u);
}

TEST(DkimSignature, ReadsThoseOfArc) {
  const auto seal =
      parse(SignatureKind::ArcSeal, "i=2; a=rsa-sha256; cv=Pass; d=a.b; s=s; t=5; b=Zm9v");
  ASSERT_TRUE(seal.has_value());
  EXPECT_EQ(seal->instance, 2u);
  EXPECT_EQ(seal->chain, ChainStatus::Pass);
  EXPECT_EQ(seal->header_form, Canonical::Relaxed);
  const std::string message = "i=50; a=rsa-sha256; d=a.b; s=s; h=to; bh=Zm9v; b=Zm9v";
  const auto read = parse(SignatureKind::ArcMessage, message);
  ASSERT_TRUE(read.has_value());
  EXPECT_TRUE(read->form_is_assumed);
  const auto reason = [](SignatureKind kind, const std::string& text) {
    const auto parsed = parse(kind, text);
    return parsed ? std::string_view() : parsed.error().reason;
  };
  EXPECT_EQ(reason(SignatureKind::ArcMessage, replaced(message, "i=50", "i=51")),
            "i= is no instance");
  EXPECT_EQ(reason(SignatureKind::ArcMessage, replaced(message, "h=to", "h=to:Arc-Seal")),
            "an ARC-Message-Signature of ARC-Seal");
  const std::string text = "i=2; a=rsa-sha256; cv=pass; d=a.b; s=s; b=Zm9v";
  EXPECT_EQ(reason(SignatureKind::ArcSeal, text + "; h=from"), "an ARC-Seal with h=");
  EXPECT_EQ(reason(SignatureKind::ArcSeal, replaced(text, "cv=pass", "cv=maybe")),
            "cv= is none of its words");
}

TEST(DkimSignature, InstancesAreOneToFifty) {
  EXPECT_EQ(parse_instance("1"), 1u);
  EXPECT_EQ(parse_instance("50"), 50u);
  for (const char* text : {"0", "51", "", "a", "-1", "1 ", "99999999999999999999"})
    EXPECT_EQ(parse_instance(text), std::nullopt) << text;
}

}  // namespace
}  // namespace ringpost::auth
