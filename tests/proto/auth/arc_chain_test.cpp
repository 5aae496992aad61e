// The structure of chains: what must be there, once, and in an order that makes sense.
#include "proto/auth/arc_chain.h"

#include <gtest/gtest.h>

namespace ringpost::auth {
namespace {

std::string results(int i) {
  return "ARC-Authentication-Results: i=" + std::to_string(i) + "; mx.example; spf=pass\r\n";
}
std::string message(int i) {
  return "ARC-Message-Signature: i=" + std::to_string(i) +
         "; a=rsa-sha256; c=relaxed/relaxed; d=a.example; s=s; h=from; bh=Zm9v; b=Zm9v\r\n";
}
std::string seal(int i, const std::string& status) {
  return "ARC-Seal: i=" + std::to_string(i) + "; a=rsa-sha256; cv=" + status +
         "; d=a.example; s=s; b=Zm9v\r\n";
}
std::string set(int i, const std::string& status) {
  return seal(i, status) + message(i) + results(i);
}

std::string_view flaw(const std::string& header) {
  const MessageHeader parsed(header);
  const auto chain = parse_chain(parsed);
  return chain ? std::string_view() : chain.error().reason;
}

TEST(ArcChain, ReadsSoundOnes) {
  const std::string header = set(2, "pass") + "From: x\r\n" + set(1, "none");
  const MessageHeader parsed(header);
  const auto chain = parse_chain(parsed);
  ASSERT_TRUE(chain.has_value());
  ASSERT_EQ(chain->sets.size(), 2u);
  EXPECT_EQ(chain->sets[0].seal_signature.instance, 1u);
  EXPECT_EQ(chain->message_signature.instance, 2u);
  std::string signed_text;
  append_set_for_seal(chain->sets[0], signed_text);
  EXPECT_TRUE(
      signed_text.starts_with("arc-authentication-results:i=1; mx.example; spf=pass\r\narc-m"));
}

TEST(ArcChain, IsEmptyWithoutFields) {
  const MessageHeader parsed("From: x\r\n");
  const auto chain = parse_chain(parsed);
  ASSERT_TRUE(chain.has_value());
  EXPECT_TRUE(chain->sets.empty());
}

TEST(ArcChain, RefusesWhatIsMissingOrDouble) {
  EXPECT_EQ(flaw(seal(1, "none") + message(1)), "an ARC set is not complete");
  EXPECT_EQ(flaw(seal(1, "none") + results(1)), "an ARC set is not complete");
  EXPECT_EQ(flaw(message(1) + results(1)), "an ARC set is not complete");
  EXPECT_EQ(flaw(set(2, "pass")), "an ARC set is not complete");
  EXPECT_EQ(flaw(set(1, "none") + results(1)), "two ARC fields of one kind and instance");
  EXPECT_EQ(flaw(set(1, "none") + message(1)), "two ARC fields of one kind and instance");
  EXPECT_EQ(flaw(set(51, "pass")), "an ARC field without a valid instance");
  EXPECT_EQ(flaw(set(0, "none")), "an ARC field without a valid instance");
  std::string many;
  for (int i = 0; i < 51; ++i) many += message(1);
  EXPECT_EQ(flaw(many), "more than 50 sets");
}

TEST(ArcChain, JudgesWhatSealsSay) {
  EXPECT_EQ(flaw(set(1, "pass")), "cv= of a seal does not fit its place");
  EXPECT_EQ(flaw(set(2, "none") + set(1, "none")), "cv= of a seal does not fit its place");
  EXPECT_EQ(flaw(set(1, "maybe")), "cv= is none of its words");
  const std::string header = set(2, "fail") + set(1, "none");
  const MessageHeader parsed(header);
  const auto chain = parse_chain(parsed);
  ASSERT_FALSE(chain.has_value());
  EXPECT_TRUE(chain.error().ends_here);
  EXPECT_EQ(chain.error().instances, 2u);
  EXPECT_EQ(flaw(set(2, "pass") + set(1, "fail")), "a seal says that the chain failed");
}

TEST(ArcChain, ReadsTheInstanceOfResults) {
  const auto read = parse_arc_results(" i = 3 ;\r\n mx.example; spf=pass ");
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->instance, 3u);
  EXPECT_EQ(read->payload, "mx.example; spf=pass");
  for (const char* text : {"mx.example; i=1", "i=1 mx.example", "j=1; x", "i=; x", ""})
    EXPECT_FALSE(parse_arc_results(text).has_value()) << text;
}

}  // namespace
}  // namespace ringpost::auth
