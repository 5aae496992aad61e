// DATA decoding against a model that looks at one octet at a time, and every known way to smuggle.
#include "proto/smtp/data_decoder.h"

#include <gtest/gtest.h>

#include "tests/support/smtp_data_model.h"
#include "tests/support/smtp_dialogue.h"

namespace ringpost::smtp {
namespace {

using test::decode_by_model;
using test::decode_in_parts;
using test::DecodedData;

TEST(DataDecoder, UndoesDotsAndStopsBehindTheEnd) {
  const DecodedData data = decode_in_parts("..a\r\n.b\r\nc.\r\n...\r\n.\r\nNOOP\r\n", 100);
  EXPECT_EQ(data.content, ".a\r\nb\r\nc.\r\n..\r\n");
  EXPECT_TRUE(data.ended);
  EXPECT_FALSE(data.bare);
  EXPECT_EQ(data.rest, "NOOP\r\n");
}

TEST(DataDecoder, TakesAnEmptyContent) {
  const DecodedData data = decode_in_parts(".\r\n", 100);
  EXPECT_EQ(data.content, "");
  EXPECT_TRUE(data.ended);
}

// The ways in which servers were made to see the end of a message where others did not.
TEST(DataDecoder, EndsOnlyAtTheOneTrueEnd) {
  for (const char* end :
       {"\n.\n", "\n.\r\n", "\n.\r", "\r.\r", "\r.\n", "\r.\r\n", "\r\n.\n", "\r\n.\r",
        "\r\n.\r\r\n", "\r\n.\n\r\n", "\r\r\n.\n", "\n\r.\r\n", "\r\n\x00.\r\n", "\r\n.\x00\r\n",
        "\r\n .\r\n", "\r\n. \r\n", ".\n", ".\r"}) {
    const std::string smuggled = std::string("x") + end + "MAIL FROM:<a@b.example>\r\n";
    for (const std::size_t part : {1u, 2u, 3u, 100u}) {
      const DecodedData open = decode_in_parts(smuggled, part);
      EXPECT_FALSE(open.ended) << test::escaped(end);
      const DecodedData closed = decode_in_parts(smuggled + ".\r\nNOOP\r\n", part);
      EXPECT_TRUE(closed.ended) << test::escaped(end);
      EXPECT_EQ(closed.rest, "NOOP\r\n");
      EXPECT_TRUE(closed.content.ends_with("MAIL FROM:<a@b.example>\r\n")) << test::escaped(end);
    }
  }
}

TEST(DataDecoder, SeesEveryBareLineEnd) {
  for (const char* bare : {"a\nb\r\n", "a\rb\r\n", "\n", "\r\r\n", "a\r\n\n", ".\n", ".\rx",
                           "a\r.\r\n", "\r\n\r\r\n", "..\n"})
    EXPECT_TRUE(decode_in_parts(std::string(bare) + "\r\n.\r\n", 100).bare) << test::escaped(bare);
  for (const char* good : {"a\r\nb\r\n", "\r\n", ".\r\n", "", "..\r\n", "\r\n\r\n"})
    EXPECT_FALSE(decode_in_parts(std::string(good) + "\r\n.\r\n", 100).bare) << test::escaped(good);
}

// All texts of up to seven octets over what matters, in all cuttings into equal parts.
TEST(DataDecoder, DoesAsTheModelForAllShortTexts) {
  constexpr std::string_view alphabet = "\r\n.x";
  constexpr int octets_max = 7;
  for (int length = 1; length <= octets_max; ++length) {
    for (unsigned number = 0; number < 1u << (2 * length); ++number) {
      std::string text;
      for (int i = 0; i < length; ++i) text += alphabet[number >> (2 * i) & 3];
      const DecodedData expected = decode_by_model(text);
      for (const std::size_t part : {1u, 2u, 3u, 8u})
        ASSERT_EQ(decode_in_parts(text, part), expected) << test::escaped(text) << " in " << part;
    }
  }
}

// The same around the borders of the 64-octet steps.
TEST(DataDecoder, DoesAsTheModelAcrossSteps) {
  for (const char* pattern :
       {"\r\n.\r\n", "\r\n..", "\n", "\r", "\r\n.x", "\r\n.\rx", "\r\n\r\n.\r\n"}) {
    for (std::size_t before = 0; before <= 200; ++before) {
      std::string text(before, 'a');
      text += pattern;
      text += std::string(70, 'b');
      const DecodedData expected = decode_by_model(text);
      for (const std::size_t part : {1000u, 64u, 63u, 65u})
        ASSERT_EQ(decode_in_parts(text, part), expected) << test::escaped(text) << " in " << part;
    }
  }
}

TEST(DataDecoder, GivesSlicesOfItsInput) {
  const std::string text = "one\r\n..two\r\nthree";
  DataDecoder decoder;
  for (Bytes rest = bytes_of(text); !rest.empty();) {
    const DataDecoder::Step step = decoder.decode(rest);
    EXPECT_TRUE(step.content.empty() || lies_within(step.content, bytes_of(text)));
    rest = rest.subspan(step.octets);
  }
}

TEST(DataDecoder, LooksOnlyAtLineEndsInChunks) {
  const auto is_bare = [](std::string_view text, bool at_end, std::size_t part) {
    DataDecoder decoder;
    for (; !text.empty(); text.remove_prefix(std::min(part, text.size())))
      decoder.check_chunk(bytes_of(text.substr(0, part)));
    return decoder.bare_line_end_seen(at_end);
  };
  for (const std::size_t part : {1u, 2u, 100u}) {
    EXPECT_FALSE(is_bare("a\r\n.\r\n..\r\n", true, part));
    EXPECT_FALSE(is_bare("a\r", false, part));
    EXPECT_TRUE(is_bare("a\r", true, part));
    EXPECT_TRUE(is_bare("a\nb", true, part));
    EXPECT_TRUE(is_bare("\r\n.\n", true, part));
  }
}

}  // namespace
}  // namespace ringpost::smtp
