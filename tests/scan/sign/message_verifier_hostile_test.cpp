// Messages made to cost much: each has its result word, and asks the DNS for no more than it may.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "scan/sign/message_verifier.h"
#include "tests/scan/sign/published_keys.h"

namespace ringpost::scan {
namespace {

using auth::Result;

constexpr WallTime in_2018{1'528'700'000'000'000};
constexpr std::string_view hash_of_published = "2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=";
constexpr std::string_view hash_of_nothing = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";

struct Judged {
  std::vector<auth::DkimResult> dkim = {};
  auth::ArcResult arc = {};
  std::size_t questions = 0;
};

Judged judged(MessageVerifier& verifier, const Zone& zone = published_zone) {
  verifier.finish();
  auth::DnsMemo memo;
  for (int round = 0; round < 3; ++round) {
    auto dkim = verifier.evaluate_dkim(memo, in_2018);
    auto arc = verifier.evaluate_arc(memo, in_2018);
    if (dkim && arc) return {*dkim, *arc, memo.questions()};
    answer_from(zone, memo);
  }
  ADD_FAILURE() << "it asks on and on";
  return {};
}

Judged judge(std::string_view message, const Zone& zone = published_zone) {
  MessageVerifier verifier;
  verifier.take(bytes_of(message));
  return judged(verifier, zone);
}

std::string field_with(std::string_view more, std::string_view selector = "test",
                       std::string_view hash = hash_of_published) {
  return fmt::format(
      "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=football.example.com; s={}; bh={}; "
      "{}\r\n",
      selector, hash, more);
}

void expect_one(std::string_view more, Result result, std::string_view reason,
                std::size_t questions) {
  SCOPED_TRACE(more.substr(0, 60));
  const Judged found = judge(field_with(more) + published_message);
  ASSERT_EQ(found.dkim.size(), 1u);
  EXPECT_EQ(found.dkim[0].result, result);
  EXPECT_EQ(found.dkim[0].reason, reason);
  EXPECT_EQ(found.questions, questions);
}

std::string repeated(std::string_view text, std::size_t times) {
  std::string all;
  for (std::size_t i = 0; i < times; ++i) all += text;
  return all;
}

TEST(MessageVerifierHostile, HasMoreTagsThanAnybodyNeeds) {
  std::string tags = "h=from; b=AAAA";
  for (int i = 0; i < 10'000; ++i) tags += fmt::format("; x{}=y", i);
  expect_one(tags, Result::PermError, "too many tags", 0);
  expect_one("h=from; b=AAAA" + repeated("; z=y", 10'000), Result::PermError,
             "a tag that stands there twice", 0);
  expect_one("h=from; b=AAAA" + repeated(";", 10'000), Result::PermError, "a tag without \"=\"", 0);
}

TEST(MessageVerifierHostile, NamesFieldsWithoutEnd) {
  const std::string_view wrong = "the signature does not verify";
  expect_one("b=AAAA; h=from" + repeated(":from", 20'000), Result::Fail, wrong, 1);
  expect_one("b=AAAA; h=from:" + repeated("x", 65'536), Result::Fail, wrong, 1);
  expect_one("b=AAAA; h=from" + repeated(":", 65'536), Result::Fail, wrong, 1);
  std::string different = "b=AAAA; h=from";
  for (int i = 0; i < 20'000; ++i) different += fmt::format(":n{}", i);
  expect_one(different, Result::Fail, wrong, 1);
}

TEST(MessageVerifierHostile, HasValuesThatAreNone) {
  expect_one("h=from; b=!!!!", Result::PermError, "b= is no base64", 0);
  expect_one("h=from; b=A=A=A=A=", Result::PermError, "b= is no base64", 0);
  expect_one("h=from; b=" + std::string(1, '\0'), Result::PermError, "an invalid tag value", 0);
  expect_one("h=from; b=" + repeated("A", 300'000), Result::Fail, "the signature does not verify",
             1);
  expect_one("h=from; b=AAAA; i=" + repeated("a", 300'000) + "@football.example.com", Result::Fail,
             "the signature does not verify", 1);
  for (const std::string& length : {std::string("18446744073709551616"), repeated("9", 76)})
    expect_one("h=from; b=AAAA; l=" + length, Result::Fail, "the body is shorter than l= says", 0);
  expect_one("h=from; b=AAAA; l=" + repeated("9", 100'000), Result::PermError, "l= is no length",
             0);
}

TEST(MessageVerifierHostile, HasAThousandSignatures) {
  std::string many;
  for (int i = 0; i < 1000; ++i) many += field_with("h=from; b=AAAA", fmt::format("s{}", i));
  const Judged found = judge(many + published_message);
  ASSERT_EQ(found.dkim.size(), 1000u);
  EXPECT_EQ(found.questions, 10u);
  EXPECT_EQ(found.dkim[9].reason, "no key is published");
  EXPECT_EQ(found.dkim[10].result, Result::Policy);
  EXPECT_EQ(found.dkim[999].result, Result::Policy);
}

TEST(MessageVerifierHostile, BodyIsNothingButLineEndsAndBlanks) {
  for (const char* line : {"\r\n", " \t\r\n", "\t\t\t\t\t\t\t\t\t\t\t\t\t\t\r\n"}) {
    const std::string piece =
        repeated(line, (std::size_t{1} << 20) / std::string_view(line).size());
    MessageVerifier verifier;
    verifier.take(bytes_of(field_with("h=from; b=AAAA", "test", hash_of_nothing)));
    verifier.take(bytes_of("From: a@football.example.com\r\n\r\n"));
    for (int i = 0; i < 64; ++i) verifier.take(bytes_of(piece));
    // Its relaxed form is empty: the body is what was signed.
    EXPECT_EQ(judged(verifier).dkim[0].reason, "the signature does not verify");
  }
}

TEST(MessageVerifierHostile, HeaderHoldsWhatIsNoField) {
  for (const std::string& line :
       {std::string("no colon\r\n"), std::string(": no name\r\n"), std::string("a\0b: c\r\n", 8),
        repeated("x", 100'000) + "\r\n", std::string("\x01\x7f\xff\r\n")}) {
    for (const auto& found : judge(published_signatures + line + published_message).dkim)
      EXPECT_EQ(found.result, Result::Pass) << found.reason;
  }
}

TEST(MessageVerifierHostile, KeyIsAMegabyte) {
  const auto with = [](std::vector<std::string> records) {
    Zone zone = published_zone;
    zone["test._domainkey.football.example.com"] = std::move(records);
    return judge(published_signatures + published_message, zone).dkim[1];
  };
  EXPECT_EQ(with({rsa_record + "; n=" + repeated("x", std::size_t{1} << 20)}).result,
            Result::PermError);
  EXPECT_EQ(with({repeated("x", std::size_t{1} << 20), rsa_record}).result, Result::Pass);
  EXPECT_EQ(with(std::vector<std::string>(1000, "p=AAAA")).reason, "the RSA key cannot be read");
}

std::string set_of(std::string_view instance) {
  return fmt::format(
      "ARC-Seal: i={0}; cv=none; a=rsa-sha256; d=football.example.com; s=test; b=AAAA\r\n"
      "ARC-Message-Signature: i={0}; a=rsa-sha256; c=relaxed/relaxed; d=football.example.com; "
      "s=test; h=from; bh={1}; b=AAAA\r\n"
      "ARC-Authentication-Results: i={0}; mx.test; spf=pass\r\n",
      instance, hash_of_published);
}

TEST(MessageVerifierHostile, ChainIsNoChain) {
  const auto reason_of = [](const std::string& sets) {
    const Judged found = judge(sets + published_message);
    EXPECT_EQ(found.arc.result, Result::Fail);
    EXPECT_EQ(found.questions, 0u);
    return found.arc.reason;
  };
  std::string many;
  for (int i = 1; i <= 51; ++i) many += set_of(std::to_string(i));
  EXPECT_EQ(reason_of(many), "more than 50 sets");
  for (const std::string& instance :
       {std::string("0"), std::string("51"), std::string("-1"), std::string("1a"), std::string(),
        std::string("4294967297"), repeated("9", 100'000)})
    EXPECT_EQ(reason_of(set_of(instance)), "an ARC field without a valid instance");
  EXPECT_EQ(reason_of(set_of("1") + set_of("1")), "two ARC fields of one kind and instance");
  EXPECT_EQ(reason_of(set_of("2")), "an ARC set is not complete");
  EXPECT_EQ(reason_of(set_of("1") + set_of("3")), "an ARC set is not complete");
}

}  // namespace
}  // namespace ringpost::scan
