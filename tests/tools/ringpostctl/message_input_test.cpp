// Messages as people have them get the line ends that signatures need.
#include "tools/ringpostctl/message_input.h"

#include <gtest/gtest.h>

namespace ringpost::ctl {
namespace {

TEST(MessageInput, EndsLinesWithCrlf) {
  EXPECT_EQ(with_crlf("a\nb\r\n\n\r\nc"), "a\r\nb\r\n\r\n\r\nc");
  EXPECT_EQ(with_crlf("a\r\r\n\r"), "a\r\r\n\r");
  EXPECT_EQ(with_crlf("\r\n"), "\r\n");
  EXPECT_EQ(with_crlf(""), "");
}

TEST(MessageInput, SeesWhichLineEndsThereAre) {
  EXPECT_TRUE(has_crlf("a\r\nb\n"));
  EXPECT_FALSE(has_crlf("a\nb\r\n"));
  EXPECT_FALSE(has_crlf("\n"));
  EXPECT_TRUE(has_crlf(""));
}

TEST(MessageInput, ReadsToTheEnd) {
  std::string text(200'000, 'x');
  std::FILE* file = fmemopen(text.data(), text.size(), "r");
  const auto read = read_message(file);
  std::fclose(file);
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(*read, text);
}

}  // namespace
}  // namespace ringpost::ctl
