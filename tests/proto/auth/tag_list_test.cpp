// Tag lists: what is read, what is refused, and how long hostile ones take.
#include "proto/auth/tag_list.h"

#include <gtest/gtest.h>

namespace ringpost::auth {
namespace {

std::string_view problem(std::string_view text) {
  const auto tags = TagList::parse(text);
  return tags ? std::string_view() : tags.error();
}

TEST(TagList, ReadsTagsWithFoldsAroundThem) {
  const auto tags = TagList::parse(" v=1;\r\n\ta = rsa-sha256 ;b=\r\n  ab\r\n cd==; x_1=;");
  ASSERT_TRUE(tags.has_value());
  ASSERT_EQ(tags->tags().size(), 4u);
  EXPECT_EQ(tags->find("v"), "1");
  EXPECT_EQ(tags->find("a"), "rsa-sha256");
  EXPECT_EQ(tags->find("b"), "ab\r\n cd==");
  EXPECT_EQ(tags->find("x_1"), "");
  EXPECT_EQ(tags->find("V"), std::nullopt);
  EXPECT_EQ(tags->tag("a")->raw, " rsa-sha256 ");
  EXPECT_EQ(tags->tag("c"), nullptr);
}

TEST(TagList, EndsWithOrWithoutASemicolon) {
  EXPECT_EQ(problem("a=1"), "");
  EXPECT_EQ(problem("a=1; \r\n "), "");
  EXPECT_EQ(problem("a=1;;"), "a tag without \"=\"");
  EXPECT_EQ(problem(""), "a tag without \"=\"");
  EXPECT_EQ(problem(" ; "), "a tag without \"=\"");
}

TEST(TagList, RefusesWhatBreaksTheSyntax) {
  EXPECT_EQ(problem("a=1; b"), "a tag without \"=\"");
  EXPECT_EQ(problem("a=1; =2"), "an invalid tag name");
  EXPECT_EQ(problem("_a=1"), "an invalid tag name");
  EXPECT_EQ(problem("a b=1"), "an invalid tag name");
  EXPECT_EQ(problem("a=1; a=1"), "a tag that stands there twice");
  EXPECT_EQ(problem("a=1; A=1"), "");
  EXPECT_EQ(problem(std::string_view("a=\0", 3)), "an invalid tag value");
  EXPECT_EQ(problem("a=\xc3\xa4"), "");
}

TEST(TagList, TakesSoManyTagsAndNoMore) {
  std::string text;
  for (int i = 0; i < 10'000; ++i) text += "t" + std::to_string(i) + "=x;";
  EXPECT_EQ(problem(text), "too many tags");
}

TEST(TagList, DecodesFoldedBase64) {
  EXPECT_EQ(decode_folded_base64("Zm9v\r\n YmFy"), "foobar");
  EXPECT_EQ(decode_folded_base64("Zm9vYg"), std::nullopt);
  EXPECT_EQ(decode_folded_base64(" \r\n "), std::nullopt);
  EXPECT_EQ(decode_folded_base64("Zm9v!"), std::nullopt);
}

TEST(TagList, FindsWordsOfALongList) {
  EXPECT_TRUE(list_contains("sha1 : sha256", "sha256"));
  EXPECT_TRUE(list_contains("Y", "y"));
  EXPECT_FALSE(list_contains("sha1:sha2567", "sha256"));
  EXPECT_FALSE(list_contains("", "y"));
}

}  // namespace
}  // namespace ringpost::auth
