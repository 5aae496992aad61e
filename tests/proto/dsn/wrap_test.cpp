// Foreign text in lines of bounded length.
#include "proto/dsn/wrap.h"

#include <gtest/gtest.h>

namespace ringpost::dsn {
namespace {

std::string wrapped(std::string_view text, std::size_t column = 0) {
  std::string target;
  append_wrapped(target, text, column, "  ");
  return target;
}

TEST(Wrap, KeepsWordsAndJoinsBlanks) {
  EXPECT_EQ(wrapped(""), "");
  EXPECT_EQ(wrapped("  \t "), "");
  EXPECT_EQ(wrapped(" one  two\tthree "), "one two three");
}

TEST(Wrap, BreaksBeforeTheColumnIsFull) {
  const std::string word(30, 'a');
  EXPECT_EQ(wrapped(word + ' ' + word + ' ' + word), word + ' ' + word + "\r\n  " + word);
  EXPECT_EQ(wrapped(word + ' ' + word, 20), word + "\r\n  " + word);
}

TEST(Wrap, BreaksWordsThatAreTooLongButNoCharacter) {
  std::string word = "x";
  for (int i = 0; i < 1'000; ++i) word += "\xe2\x82\xac";
  const std::string text = wrapped(word);
  std::string_view left = text;
  while (!left.empty()) {
    const std::string_view line = left.substr(0, left.find("\r\n"));
    left.remove_prefix(line.size() == left.size() ? left.size() : line.size() + 2);
    EXPECT_LE(line.size(), 998u);
    EXPECT_EQ(printable(line, true), line);  // well-formed: nothing became '?'
  }
}

TEST(Wrap, PrintsWhatMayStand) {
  EXPECT_EQ(printable("a\tb\r\n\x7f", true), "a\tb???");
  EXPECT_EQ(printable("gr\xc3\xb6\xc3\x9f", true), "gr\xc3\xb6\xc3\x9f");
  EXPECT_EQ(printable("gr\xc3\xb6", false), "gr??");
  EXPECT_EQ(printable("\xc3 a", true), "? a");
}

}  // namespace
}  // namespace ringpost::dsn
