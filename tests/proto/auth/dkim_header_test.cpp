// Headers as signatures see them: fields, instances from the bottom up, and hostile sizes.
#include "proto/auth/dkim_header.h"

#include <gtest/gtest.h>

namespace ringpost::auth {
namespace {

using Names = std::vector<std::string>;

std::string chosen(std::string_view header, const Names& names) {
  std::string result;
  MessageHeader(header).append_chosen(names, Canonical::Simple, result);
  return result;
}

TEST(MessageHeader, KeepsFieldsAsTheyStand) {
  const std::string_view text = "A: 1\r\n 2\r\nno field\r\nB  :x\r\n: y\r\nC:";
  const MessageHeader header(text);
  ASSERT_EQ(header.fields().size(), 3u);
  EXPECT_EQ(header.fields()[0].whole, "A: 1\r\n 2\r\n");
  EXPECT_EQ(header.fields()[0].value, " 1\r\n 2");
  EXPECT_EQ(header.fields()[1].name, "B");
  EXPECT_EQ(header.fields()[2].value, "");
  EXPECT_TRUE(header.places("d").empty());
}

TEST(MessageHeader, ChoosesInstancesFromTheBottomUp) {
  const std::string_view text = "R: 1\r\nFrom: x\r\nr: 2\r\nR: 3\r\n";
  EXPECT_EQ(chosen(text, {"r", "from", "r"}), "R: 3\r\nFrom: x\r\nr: 2\r\n");
  EXPECT_EQ(chosen(text, {"from", "from", "none", "from"}), "From: x\r\n");
  EXPECT_EQ(chosen(text, {}), "");
}

TEST(MessageHeader, LeavesOutWhatASignatureCannotSign) {
  const MessageHeader header("DKIM-Signature: a=1; b=xy\r\n z ; c=2\r\n");
  const HeaderField& field = header.fields()[0];
  const std::string_view value = field.whole.substr(field.whole.find("xy"), 6);
  EXPECT_EQ(canonical_signature_field(field, value, Canonical::Relaxed),
            "dkim-signature:a=1; b= ; c=2");
  EXPECT_EQ(canonical_signature_field(field, value, Canonical::Simple),
            "DKIM-Signature: a=1; b= ; c=2");
}

TEST(MessageHeader, WorkIsLinear) {
  std::string text;
  Names names;
  for (int i = 0; i < 20'000; ++i) {
    text += "X: y\r\n";
    names.emplace_back(i % 2 == 0 ? "x" : "z");
  }
  EXPECT_EQ(chosen(text, names).size(), 10'000u * 6);
}

}  // namespace
}  // namespace ringpost::auth
