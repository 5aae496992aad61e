// Tokens: classes of octets, quotes, continuation lines, macros, and the place of each token.
#include "proto/conf/lexer.h"

#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace ringpost::conf {
namespace {

// "kind:text@line:column" of each token up to the end, blank between them.
std::string tokens_of(std::string text,
                      std::vector<std::pair<std::string, std::string>> macros = {}) {
  Sources sources;
  sources.add("t", std::move(text));
  Lexer lexer(sources);
  for (auto& [name, value] : macros) lexer.define(name, value);
  static constexpr const char* kinds[] = {"key",   "word", "quoted", "number", "symbol",
                                          "arrow", "nl",   "end",    "error"};
  std::string result;
  for (Token token = lexer.next(); token.kind != TokenKind::End; token = lexer.next()) {
    if (!result.empty()) result += ' ';
    result += kinds[static_cast<int>(token.kind)];
    if (!token.text.empty()) result += ":" + token.text;
    result +=
        "@" + std::to_string(token.position.line) + ":" + std::to_string(token.position.column);
  }
  return result;
}

TEST(Lexer, ClassesOfTokens) {
  EXPECT_EQ(tokens_of("listen x 25 -3 => = ! {}<>,\n"),
            "key:listen@1:1 word:x@1:8 number:25@1:10 number:-3@1:13 arrow@1:16 symbol:=@1:19 "
            "symbol:!@1:21 symbol:{@1:23 symbol:}@1:24 symbol:<@1:25 symbol:>@1:26 symbol:,@1:27 "
            "nl@1:28");
  EXPECT_EQ(tokens_of("10.0.0.0/8 ::1 4d a@b 25,x"),
            "word:10.0.0.0/8@1:1 word:::1@1:12 word:4d@1:16 word:a@b@1:19 number:25@1:23 "
            "symbol:,@1:25 word:x@1:26 nl@1:27");
  EXPECT_EQ(tokens_of("a=b a!b"),
            "word:a@1:1 symbol:=@1:2 word:b@1:3 word:a@1:5 symbol:!@1:6 "
            "word:b@1:7 nl@1:8");
  EXPECT_EQ(tokens_of("/x *"), "symbol:/@1:1 word:x@1:2 symbol:*@1:4 nl@1:5");
}

TEST(Lexer, CommentsAndContinuedLines) {
  EXPECT_EQ(tokens_of("# c\na # c\\\nstill\nb"), "nl@1:4 word:a@2:1 nl@3:6 word:b@4:1 nl@4:2");
  EXPECT_EQ(tokens_of("a \\\n  b\\\nc\n"), "word:a@1:1 word:bc@2:3 nl@3:2");
  EXPECT_EQ(tokens_of("a\r\nb \\\r\nc\r\n"), "word:a@1:1 nl@1:3 word:b@2:1 word:c@3:1 nl@3:3");
  EXPECT_EQ(tokens_of(""), "nl@1:1");
  EXPECT_EQ(tokens_of("a\\"), "word:a@1:1 nl@1:3");
}

TEST(Lexer, Quotes) {
  EXPECT_EQ(tokens_of("\"a 'b' #\" 'c \"d\"'"), "quoted:a 'b' #@1:1 quoted:c \"d\"@1:11 nl@1:18");
  EXPECT_EQ(tokens_of("\"a\\\"b\" '.*\\.dyn' \"a\\\tb\""),
            "quoted:a\"b@1:1 quoted:.*\\.dyn@1:8 quoted:a\tb@1:18 nl@1:24");
  EXPECT_EQ(tokens_of("\"a\nb\\\nc\" d"), "quoted:abc@1:1 word:d@3:4 nl@3:5");
  EXPECT_EQ(tokens_of("\"\""), "quoted@1:1 nl@1:3");
  EXPECT_EQ(tokens_of("\"listen\""), "quoted:listen@1:1 nl@1:9");
  EXPECT_EQ(tokens_of("a \"b\nc"), "word:a@1:1 error@1:3 nl@1:5 word:c@2:1 nl@2:2");
}

TEST(Lexer, Macros) {
  EXPECT_EQ(tokens_of("x $m y", {{"m", "lo port 25"}}),
            "word:x@1:1 word:lo@1:3 key:port@1:3 number:25@1:3 word:y@1:6 nl@1:7");
  EXPECT_EQ(tokens_of("$m.org a$m \"$m\"", {{"m", "x"}}),
            "word:x.org@1:1 word:a$m@1:8 quoted:$m@1:12 nl@1:16");
  EXPECT_EQ(tokens_of("$m x\ny", {{"m", ""}}), "word:x@1:4 nl@1:5 word:y@2:1 nl@2:2");
  EXPECT_EQ(tokens_of("$m", {{"m", "$m"}}), "symbol:$@1:1 word:m@1:1 nl@1:3");
  EXPECT_EQ(tokens_of("$no x\ny"), "error@1:1 nl@1:6 word:y@2:1 nl@2:2");
  EXPECT_EQ(tokens_of("$m x", {{"m", "'a"}}), "error@1:1 nl@1:5");
}

TEST(Lexer, WhatCannotBeAToken) {
  EXPECT_EQ(tokens_of("\xc3\xa9 x\ny"), "error@1:1 nl@1:5 word:y@2:1 nl@2:2");
  EXPECT_EQ(tokens_of(std::string("a\0b\n", 4)), "word:a@1:1 error@1:2 nl@1:4");
  EXPECT_EQ(tokens_of("-x"), "error@1:1 nl@1:3");
  EXPECT_EQ(tokens_of(std::string(9000, 'a')), "error@1:1 nl@1:9001");
  EXPECT_EQ(tokens_of("\"" + std::string(9000, 'a') + "\""), "error@1:1 nl@1:9003");
}

}  // namespace
}  // namespace ringpost::conf
