// Messages taken apart into fields and body, as programs write them.
#include "proto/mail/split_message.h"

#include <string>

#include <gtest/gtest.h>

namespace ringpost::mail {
namespace {

// "name=body|name=body||body of the message"
std::string split(std::string_view message) {
  const SplitMessage parts = split_message(message);
  std::string text;
  for (const Field& field : parts.fields) {
    text += field.name;
    text += '=';
    text += field.body;
    text += '|';
  }
  return text + '|' + std::string(parts.body);
}

TEST(SplitMessage, FieldsAndBody) {
  EXPECT_EQ(split("Subject: x\nTo:a\n\nhello\n"), "Subject= x|To=a||hello\n");
  EXPECT_EQ(split("Subject: x\r\nTo: a\r\n\r\nhello\r\n"), "Subject= x|To= a||hello\r\n");
}

TEST(SplitMessage, FoldedFieldsKeepTheirFolds) {
  EXPECT_EQ(split("A: 1\n 2\r\n\t3\nB: 4\n\n"), "A= 1\n 2\r\n\t3|B= 4||");
  EXPECT_EQ(split("A: 1\n \n\nbody"), "A= 1\n ||body");
}

TEST(SplitMessage, TheFirstLineThatIsNoFieldBeginsTheBody) {
  EXPECT_EQ(split("just text\nSubject: x\n"), "|just text\nSubject: x\n");
  EXPECT_EQ(split("A: 1\nno field\n\nx"), "A= 1||no field\n\nx");
  EXPECT_EQ(split(" begins with a blank: x\n"), "| begins with a blank: x\n");
  EXPECT_EQ(split(": no name\n"), "|: no name\n");
  EXPECT_EQ(split("a b: two words\n"), "|a b: two words\n");
  EXPECT_EQ(split("\nA: 1\n"), "|A: 1\n");
}

TEST(SplitMessage, BlanksBeforeTheColonAreNotOfTheName) {
  EXPECT_EQ(split("Subject \t: x\n\n"), "Subject= x||");
}

TEST(SplitMessage, EndsAnywhere) {
  EXPECT_EQ(split(""), "|");
  EXPECT_EQ(split("A:"), "A=||");
  EXPECT_EQ(split("A: 1"), "A= 1||");
  EXPECT_EQ(split("A: 1\n "), "A= 1\n ||");
  EXPECT_EQ(split("A: 1\n\n"), "A= 1||");
}

TEST(SplitMessage, LeavesOutTheFirstLineOfAMailbox) {
  EXPECT_EQ(split("From alice Mon Nov 23 00:00:00 2026\nA: 1\n\nx"), "A= 1||x");
  EXPECT_EQ(split("From: alice\n\nx"), "From= alice||x");
}

}  // namespace
}  // namespace ringpost::mail
