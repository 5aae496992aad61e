// Verification: the message of RFC 8463, each way in which it can go wrong, and hostile messages.
#include "scan/sign/message_verifier.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/scan/sign/published_keys.h"

namespace ringpost::scan {
namespace {

using auth::Result;

constexpr WallTime in_2018{1'528'700'000'000'000};

std::vector<auth::DkimResult> verify(std::string_view message, const Zone& zone = published_zone,
                                     WallTime now = in_2018, std::size_t step = 0) {
  MessageVerifier verifier;
  for (std::size_t at = 0; at < message.size(); at += step) {
    if (step == 0) step = message.size();
    verifier.take(bytes_of(message.substr(at, step)));
  }
  verifier.finish();
  auth::DnsMemo memo;
  auto results = verifier.evaluate_dkim(memo, now);
  if (!results) {
    answer_from(zone, memo);
    results = verifier.evaluate_dkim(memo, now);
  }
  EXPECT_TRUE(results.has_value());
  return results.value_or(std::vector<auth::DkimResult>{});
}

std::string replaced(std::string text, std::string_view old, std::string_view by) {
  const std::size_t at = text.find(old);
  EXPECT_NE(at, std::string::npos) << old;
  return text.replace(at, old.size(), by);
}

const std::string whole = published_signatures + published_message;

TEST(MessageVerifier, VerifiesThePublishedMessageHoweverItIsCut) {
  for (const std::size_t step : {0u, 1u, 2u, 3u, 50u}) {
    const auto results = verify(whole, published_zone, in_2018, step);
    ASSERT_EQ(results.size(), 2u);
    EXPECT_EQ(results[0].result, Result::Pass) << results[0].reason;
    EXPECT_EQ(results[0].algorithm, "ed25519-sha256");
    EXPECT_EQ(results[0].domain, "football.example.com");
    EXPECT_EQ(results[0].selector, "brisbane");
    EXPECT_EQ(results[0].identity, "@football.example.com");
    EXPECT_EQ(results[0].start, "/gCrinpc");
    EXPECT_EQ(results[0].reason, "");
    EXPECT_EQ(results[1].result, Result::Pass) << results[1].reason;
  }
}

TEST(MessageVerifier, FindsNothingWhereNothingIs) {
  for (const char* text :
       {"", "\r\n", "From: x\r\n", "From: x\r\n\r\n", "\r\nDKIM-Signature: v=1\r\n"})
    EXPECT_TRUE(verify(text).empty()) << text;
}

void expect_both(const std::string& message, Result result, std::string_view reason) {
  for (const auto& found : verify(message)) {
    EXPECT_EQ(found.result, result);
    EXPECT_EQ(found.reason, reason);
  }
}

TEST(MessageVerifier, SeesEveryChange) {
  expect_both(replaced(whole, "hungry yet", "hungry now"), Result::Fail,
              "the body is not what was signed");
  expect_both(replaced(whole, "dinner", "lunch"), Result::Fail, "the signature does not verify");
  expect_both(replaced(whole, "To: Suzie", "Subject: added\r\nTo: Suzie"), Result::Fail,
              "the signature does not verify");
  expect_both(replaced(whole, "To: Suzie", "To: a\r\nTo: Suzie"), Result::Pass, "");
  // h= names From twice, so one more field breaks the signature, and a third is seen as such.
  expect_both(replaced(whole, "From: Joe", "From: x@y\r\nFrom: Joe"), Result::Fail,
              "the signature does not verify");
  expect_both(replaced(whole, "From: Joe", "From: x@y\r\nFrom: z@y\r\nFrom: Joe"), Result::Fail,
              "a From field is not signed");
}

TEST(MessageVerifier, SaysWhatIsWrongWithKeys) {
  const auto result_with = [](std::vector<std::string> records) {
    Zone zone = published_zone;
    zone["test._domainkey.football.example.com"] = std::move(records);
    return verify(whole, zone)[1];
  };
  EXPECT_EQ(result_with({"p="}).reason, "the key is revoked");
  EXPECT_EQ(result_with({"p="}).result, Result::PermError);
  EXPECT_EQ(result_with({"timeout"}).result, Result::TempError);
  EXPECT_EQ(result_with({ed25519_record}).reason, "the key is of another kind than the signature");
  EXPECT_EQ(result_with({"p=AAAA"}).reason, "the RSA key cannot be read");
  EXPECT_EQ(result_with({ed25519_record, "p=AAAA", rsa_record}).result, Result::Pass);
  EXPECT_EQ(result_with({"p=MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBANGkh2pXeSbhAqoeQvaqc72Fxgh7wdj27mgBly"
                         "VbVfIJFpidyb0QZdNr6urhUESbsasIvWy1BhZsGagsuRnBJXcCAwEAAQ=="})
                .reason,
            "the RSA key has less than 1024 bits");
  // Another key of 1024 bits, bare and wrapped.
  const std::string bare =
      "t=y; p=MIGJAoGBANTt5yEuUjQJtc0KHj0ISx+/DT4xSis/G8uPRDDn0BiwacjQgLs4X+0N1AW6PaqkKMwlzW2SX7qbG"
      "NeKGRbEwiN4jq0CIEuL0+yqWAcub5FGCnWy02tWwTWu1aVdDoGvn1i0uuppd+"
      "NOGdPS+hTuIjR78WwXfEoDtmr2Z6x/fuhJAgMBAAE=";
  EXPECT_EQ(result_with({bare}).result, Result::Fail);
  EXPECT_EQ(result_with({bare}).reason, "the signature does not verify; its key is for tests");
  EXPECT_EQ(verify(whole, {})[0].reason, "no key is published");
  Zone zone;
  zone["brisbane._domainkey.football.example.com"] = {"k=ed25519; p=Zm9v"};
  EXPECT_EQ(verify(whole, zone)[0].reason, "the Ed25519 key has not 32 octets");
}

TEST(MessageVerifier, JudgesFlawsWithoutAsking) {
  const std::string weak = replaced(replaced(whole, "rsa-sha256", "rsa-sha1"), "v=1", "v=3");
  MessageVerifier verifier;
  verifier.take(bytes_of(weak));
  verifier.finish();
  auth::DnsMemo memo;
  const auto results = verifier.evaluate_dkim(memo, in_2018);
  ASSERT_TRUE(results.has_value());
  EXPECT_TRUE(memo.wants_nothing());
  EXPECT_EQ((*results)[0].reason, "v= is not 1");
  EXPECT_EQ((*results)[1].result, Result::PermError);
  EXPECT_EQ((*results)[1].algorithm, "rsa-sha1");
}

TEST(MessageVerifier, KnowsTheTime) {
  const std::string expiring = replaced(whole, "t=1528637909;", "t=1528637909; x=1528700000;");
  EXPECT_EQ(verify(expiring)[0].reason, "the signature does not verify") << "valid until x=";
  EXPECT_EQ(verify(expiring, published_zone, in_2018 + seconds(1))[0].reason,
            "the signature has expired");
  EXPECT_EQ(verify(whole, published_zone, WallTime{})[0].reason,
            "the signature comes from the future");
}

TEST(MessageVerifier, ChecksNoMoreThanSoMany) {
  std::string many;
  for (std::size_t i = 0; i < 2000; ++i) many += published_signatures;
  const auto results = verify(many + published_message);
  ASSERT_GT(results.size(), 500u);
  EXPECT_LT(results.size(), 4000u);
  EXPECT_EQ(results[0].result, Result::Policy) << "half of the header was dropped";
  std::string few;
  for (std::size_t i = 0; i < 6; ++i) few += published_signatures;
  const auto checked = verify(few + published_message);
  ASSERT_EQ(checked.size(), 12u);
  EXPECT_EQ(checked[9].result, Result::Pass);
  EXPECT_EQ(checked[10].result, Result::Policy);
  EXPECT_EQ(checked[10].reason, "not one of the first 10 signatures");
}

TEST(MessageVerifier, SaysWhatALengthLeavesOut) {
  // The hash of the first 5 octets, "Hi.\r\n", with a signature that cannot verify.
  const auto with = [](const char* length) {
    return verify(replaced(whole, "q=dns/txt;", fmt::format("q=dns/txt; l={};", length)))[0].reason;
  };
  EXPECT_EQ(with("5"), "the body is not what was signed");
  EXPECT_EQ(with("9999"), "the body is shorter than l= says");
}

TEST(MessageVerifier, HasNoChainWithoutOne) {
  MessageVerifier verifier;
  verifier.take(bytes_of(whole));
  verifier.finish();
  auth::DnsMemo memo;
  const auto result = verifier.evaluate_arc(memo, in_2018);
  ASSERT_TRUE(result.has_value());
  EXPECT_EQ(result->result, Result::None);
  EXPECT_EQ(result->instances, 0u);
}

}  // namespace
}  // namespace ringpost::scan
