// UTF-8: every scalar value is taken in its shortest form and nothing else is.
#include "proto/base/utf8.h"

#include <gtest/gtest.h>

namespace ringpost {
namespace {

TEST(Utf8, TakesEveryScalarValueAndGivesItBack) {
  for (char32_t code = 0; code <= 0x10ffff; ++code) {
    if (code >= 0xd800 && code <= 0xdfff) continue;
    std::string text;
    append_utf8(text, code);
    const Utf8Sequence sequence = utf8_front(text);
    ASSERT_EQ(sequence.octets, text.size()) << static_cast<unsigned>(code);
    ASSERT_EQ(sequence.code, code);
  }
}

TEST(Utf8, TakesExactlyAsManyPairsAsThereAreTwoOctetForms) {
  int accepted = 0;
  for (int first = 0x80; first < 0x100; ++first) {
    for (int second = 0; second < 0x100; ++second) {
      const std::string text{static_cast<char>(first), static_cast<char>(second)};
      if (utf8_front(text).octets != 0) ++accepted;
    }
  }
  EXPECT_EQ(accepted, 0x800 - 0x80);
}

TEST(Utf8, RefusesWhatIsNotTheShortestFormOfAScalarValue) {
  for (const std::string_view text :
       {"\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xed\xbf\xbf",
        "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff", "\xc3", "\xe2\x82",
        "\xf0\x9f\x98", "\xc3(", "\xe2(\xac", "\xe2\x82(", ""}) {
    EXPECT_EQ(utf8_front(text).octets, 0u) << text;
  }
}

TEST(Utf8, JudgesWholeTexts) {
  EXPECT_TRUE(is_utf8(""));
  EXPECT_TRUE(
      is_utf8("gr\xc3\xbc\xc3\x9f"
              "e \xf0\x9f\x93\xae"));
  EXPECT_FALSE(
      is_utf8("gr\xfc\xdf"
              "e"));
  EXPECT_FALSE(is_utf8("ends early \xe2\x82"));
}

}  // namespace
}  // namespace ringpost
