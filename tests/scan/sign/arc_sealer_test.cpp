// Sealing: chains of any length verify, break where they are broken, and end where they must.
#include "scan/sign/arc_sealer.h"

#include <gtest/gtest.h>

#include "proto/base/base64.h"
#include "scan/sign/message_verifier.h"
#include "scan/sign/private_key.h"
#include "tests/scan/sign/published_keys.h"

namespace ringpost::scan {
namespace {

constexpr WallTime now{1'700'000'000'000'000};

auth::ArcResult judge(const std::string& message) {
  MessageVerifier verifier;
  verifier.take(bytes_of(message));
  verifier.finish();
  auth::DnsMemo memo;
  auto result = verifier.evaluate_arc(memo, now);
  if (!result) {
    answer_from(published_zone, memo);
    result = verifier.evaluate_arc(memo, now);
  }
  EXPECT_TRUE(result.has_value());
  return result.value_or(auth::ArcResult{});
}

// The message with a set on top, or as it is.
std::string seal(const std::string& message, const std::string& id = "mx.example") {
  SigningContent content(auth::Canonical::Relaxed);
  content.take(bytes_of(message));
  content.finish();
  auto sealer = ArcSealer::begin(content, judge(message),
                                 {.domain = "football.example.com",
                                  .selector = "test",
                                  .authserv_id = id,
                                  .names = {"from", "to", "subject", "arc-authentication-results"},
                                  .signed_at_s = 1'699'999'999});
  if (!sealer) return message;
  const auto key = PrivateKey::parse(rsa_private_pem);
  const UnsignedField first = sealer->message_field();
  const UnsignedField second = sealer->seal_field(first.complete(key->sign(first.hash)));
  return sealer->set(second.complete(key->sign(second.hash))) + message;
}

const std::string plain =
    "Authentication-Results: mx.example; spf=pass smtp.mailfrom=a@b (x; y)\r\n"
    "Authentication-Results: \"MX.example\" 1;\r\n dkim=pass header.d=\"a;b\";\r\n dmarc=pass;\r\n"
    "Authentication-Results: other.example; arc=fail\r\n" +
    published_message;

TEST(ArcSealer, MakesChainsThatVerify) {
  std::string message = plain;
  for (unsigned i = 1; i <= 5; ++i) {
    message = seal("Received: by hop\r\n" + message);
    const auto result = judge(message);
    EXPECT_EQ(result.result, auth::Result::Pass) << result.reason;
    EXPECT_EQ(result.instances, i);
    EXPECT_EQ(result.sealers.size(), i);
    EXPECT_TRUE(result.signs_from);
  }
}

TEST(ArcSealer, WritesTagsInOrder) {
  const std::string message = seal(plain);
  EXPECT_TRUE(message.starts_with("ARC-Seal: a=rsa-sha256; b=")) << message;
  const std::size_t place = message.find("\r\nARC-Message-Signature: a=rsa-sha256; b=");
  EXPECT_NE(place, std::string::npos);
  EXPECT_NE(message.find("\r\nARC-Authentication-Results: i=1; mx.example; "
                         "spf=pass smtp.mailfrom=a@b (x; y);\r\n dkim=pass header.d=\"a;b\";\r\n "
                         "dmarc=pass\r\nAuthentication-Results:"),
            std::string::npos)
      << message;
}

// Who writes its results in front of the content, last of all, says them itself.
TEST(ArcSealer, TakesResultsThatAreNotThereYet) {
  SigningContent content(auth::Canonical::Relaxed);
  content.take(bytes_of(plain));
  content.finish();
  const auto sealer = ArcSealer::begin(content, {},
                                       {.domain = "football.example.com",
                                        .selector = "test",
                                        .authserv_id = "mx.example",
                                        .results = "spf=fail",
                                        .names = {"from"}});
  ASSERT_TRUE(sealer);
  EXPECT_TRUE(
      sealer->set("").ends_with("ARC-Authentication-Results: i=1; mx.example; spf=fail\r\n"));
}

// A chain that was good when it came, and of which a filter has taken something away.
TEST(ArcSealer, LeavesAChainThatIsNotThereAnyMore) {
  SigningContent content(auth::Canonical::Relaxed);
  content.take(bytes_of(plain));
  content.finish();
  const auth::ArcResult passed{.result = auth::Result::Pass, .instances = 1};
  EXPECT_FALSE(ArcSealer::begin(content, passed, {.names = {"from"}}));
}

// Longer lines than 998 octets are changed or refused on their way.
TEST(ArcSealer, FoldsTheNamesOfManyFields) {
  std::string message = plain;
  for (int i = 0; i < 100; ++i) message = "X-Note: one of many\r\n" + message;
  SigningContent content(auth::Canonical::Relaxed);
  content.take(bytes_of(message));
  content.finish();
  std::vector<std::string> names(100, "x-note");
  names.emplace_back("from");
  auto sealer = ArcSealer::begin(content, {},
                                 {.domain = "football.example.com",
                                  .selector = "test",
                                  .authserv_id = "mx.example",
                                  .names = std::move(names),
                                  .signed_at_s = 1'699'999'999});
  ASSERT_TRUE(sealer);
  const auto key = PrivateKey::parse(rsa_private_pem);
  const UnsignedField first = sealer->message_field();
  const UnsignedField second = sealer->seal_field(first.complete(key->sign(first.hash)));
  const std::string set = sealer->set(second.complete(key->sign(second.hash)));
  for (std::size_t at = 0; at < set.size();) {
    const std::size_t end = set.find("\r\n", at);
    EXPECT_LE(end - at, 998U) << set.substr(at, end - at);
    at = end + 2;
  }
  const auto result = judge(set + message);
  EXPECT_EQ(result.result, auth::Result::Pass) << result.reason;
  EXPECT_TRUE(result.signs_from);
}

TEST(ArcSealer, SaysTheStatusWhereThereAreNoResults) {
  EXPECT_NE(seal(published_message).find("i=1; mx.example; arc=none\r\n"), std::string::npos);
}

TEST(ArcSealer, SealsAFailedChainOnceAndAlone) {
  std::string broken = seal(seal(plain));
  broken.replace(broken.find("hungry"), 6, "thirsty");
  EXPECT_EQ(judge(broken).result, auth::Result::Fail);
  const std::string sealed = seal(broken);
  EXPECT_NE(sealed.find("cv=fail"), std::string::npos);
  const auto result = judge(sealed);
  EXPECT_EQ(result.result, auth::Result::Fail);
  EXPECT_TRUE(result.ends_here);
  EXPECT_EQ(seal(sealed), sealed);
}

TEST(ArcSealer, SeesEveryChange) {
  const std::string sealed = seal(seal(plain));
  const auto changed = [&](std::string_view old, std::string_view by) {
    std::string text = sealed;
    text.replace(text.rfind(old), old.size(), by);
    return judge(text);
  };
  EXPECT_EQ(changed("spf=pass", "spf=fail").result, auth::Result::Pass) << "no field of the chain";
  EXPECT_EQ(changed("dinner", "lunch").reason,
            "the message signature: the signature does not verify");
  std::string text = sealed;
  text.replace(text.rfind("i=1; mx.example; spf=pass"), 25, "i=1; mx.example; spf=fail");
  EXPECT_EQ(judge(text).result, auth::Result::Fail);
  EXPECT_EQ(changed("cv=none", "cv=pass").reason, "cv= of a seal does not fit its place");
}

// A chain of one set whose message signature has no c=; made by hand, in this form.
std::string sealed_without_forms(auth::Canonical form) {
  const auto key = PrivateKey::parse(rsa_private_pem);
  const std::size_t end = published_message.find("\r\n\r\n") + 2;
  BodyHashes body;
  const std::size_t place = body.want(form, {});
  body.feed(bytes_of(std::string_view(published_message).substr(end + 2)));
  body.finish();
  const std::string tags = " i=1; a=rsa-sha256; d=football.example.com; s=test;";
  const auto signed_field = [&](const std::string& before, auth::Canonical in, std::string text) {
    append_canonical_field(in, before, text);
    text.resize(text.size() - 2);
    return UnsignedField{.before = before}.complete(key->sign(Sha256::of(text)));
  };
  std::string chosen;
  auth::MessageHeader(std::string_view(published_message).substr(0, end))
      .append_chosen(std::vector<std::string>{"from"}, form, chosen);
  const std::string hash = base64_encode(text_of(Bytes(body.hash(place))));
  const std::string message =
      signed_field("ARC-Message-Signature:" + tags + " h=From; bh=" + hash + "; b=", form, chosen);
  const std::string results = "ARC-Authentication-Results: i=1; mx.example; none\r\n";
  std::string set;
  append_canonical_field(auth::Canonical::Relaxed, results, set);
  append_canonical_field(auth::Canonical::Relaxed, message, set);
  const std::string seal =
      signed_field("ARC-Seal:" + tags + " cv=none; b=", auth::Canonical::Relaxed, set);
  return seal + message + results + published_message;
}

TEST(ArcSealer, ReadsSignaturesWithoutFormsBothWays) {
  for (const auto form : {auth::Canonical::Relaxed, auth::Canonical::Simple}) {
    const std::string message = sealed_without_forms(form);
    EXPECT_EQ(judge(message).result, auth::Result::Pass) << judge(message).reason;
    std::string changed = message;
    changed.replace(changed.find("hungry"), 6, "thirsty");
    EXPECT_EQ(judge(changed).result, auth::Result::Fail);
  }
}

TEST(ArcSealer, StopsAtFifty) {
  std::string message = plain;
  for (unsigned i = 1; i <= 50; ++i) message = seal(message);
  EXPECT_EQ(judge(message).result, auth::Result::Pass);
  EXPECT_EQ(seal(message), message);
}

}  // namespace
}  // namespace ringpost::scan
