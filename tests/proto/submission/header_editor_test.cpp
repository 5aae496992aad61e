// Headers of submitted messages: what is completed, removed and left alone, in every cutting.
#include "proto/submission/header_editor.h"

#include <string>

#include <gtest/gtest.h>

namespace ringpost::submission {
namespace {

HeaderEdits edits(const std::string& author = {}) {
  return {.host = "mx.example", .author = author, .now = {1'763'850'000'000'000}, .unique = 0x2a};
}

const std::string date = "Date: Sat, 22 Nov 2025 22:20:00 +0000\r\n";
const std::string message_id = "Message-ID: <69223710.000000000000002a@mx.example>\r\n";
const std::string both = "Date: x\r\nMessage-ID: <y@z>\r\n";

std::string edit_in_pieces(const std::string& content, std::size_t piece,
                           const std::string& author) {
  HeaderEditor editor(edits(author));
  std::string target;
  std::size_t at = 0;
  while (at < content.size() && !editor.done()) {
    const std::string_view next = std::string_view(content).substr(at, piece);
    const std::size_t taken = editor.edit(bytes_of(next), target);
    EXPECT_TRUE(taken == next.size() || editor.done());
    at += taken;
  }
  if (!editor.done()) editor.finish(target);
  EXPECT_TRUE(editor.done());
  EXPECT_EQ(editor.edit(bytes_of("more"), target), 0u);
  return target + content.substr(at);
}

std::string edit(const std::string& content, const std::string& author = {}) {
  const std::string whole = edit_in_pieces(content, content.size() + 1, author);
  for (const std::size_t piece : {1u, 2u, 3u, 7u, 64u})
    EXPECT_EQ(edit_in_pieces(content, piece, author), whole) << piece;
  return whole;
}

TEST(HeaderEditor, MissingFieldsAreAddedAtTheEnd) {
  EXPECT_EQ(edit("Subject: a\r\n\r\ntext\r\n"),
            "Subject: a\r\n" + date + message_id + "\r\ntext\r\n");
  EXPECT_EQ(edit("dAtE : x\r\n\r\n"), "dAtE : x\r\n" + message_id + "\r\n");
  EXPECT_EQ(edit("Message-Id:\r\n <y@z>\r\n\r\n"), "Message-Id:\r\n <y@z>\r\n" + date + "\r\n");
  EXPECT_EQ(edit("\r\ntext\r\n"), date + message_id + "\r\ntext\r\n");
  EXPECT_EQ(edit(""), date + message_id);
  EXPECT_EQ(edit("Subject: a\r\n"), "Subject: a\r\n" + date + message_id);
}

TEST(HeaderEditor, WhatNeedsNoChangeGetsNone) {
  for (const std::string& content :
       {both + "From: Alice <alice@a.example>,\r\n\tbob@b.example (Bob, \"x\")\r\nTo: friends:;\r\n"
               "X-Odd :\t value\r\n folded\r\nCC:c@d.example\r\n\r\nBcc: in the text\r\n",
        both + "To: not an address list\r\nCc: <broken\r\nSender:\r\nReply-To: \r\n\r\n",
        both + "To: \"quoted, but @ here\" <a@b.example>, <@r.example:c@d.example>\r\n\r\n.", both,
        both + "\r\n", "Subject: \xff\xfe\r\n" + both + "\r\n\xff",
        " first line is a blank one\r\n" + both + "\r\n"})
    EXPECT_EQ(edit(content), content);
}

TEST(HeaderEditor, BlindCopiesLeaveTheHeader) {
  EXPECT_EQ(edit(both + "Bcc: a@b.example,\r\n c@d.example\r\nbcc :e\r\nSubject: s\r\n"
                        "Resent-Bcc:\r\n x\r\n\r\nBcc: text\r\n"),
            both + "Subject: s\r\n\r\nBcc: text\r\n");
  EXPECT_EQ(edit(both + "Bcc: a@b.example"), both);
  EXPECT_EQ(edit("Bcc: a@b.example"), date + message_id);
  EXPECT_EQ(edit(both + "Bccx: a\r\nX-Bcc: b\r\n\r\n"), both + "Bccx: a\r\nX-Bcc: b\r\n\r\n");
}

TEST(HeaderEditor, AddressesGetDomains) {
  EXPECT_EQ(edit("From: alice\r\nTo: bob, Carol <carol>,\r\n\tdave@d.example, \"e f\" (x)\r\n"
                 "cc:g:h,i@j.example;\r\nReply-To : k\r\nSender: < l >\r\nResent-To: m\r\n" +
                 both + "Subject: n\r\n\r\n"),
            "From: alice@mx.example\r\nTo: bob@mx.example, Carol <carol@mx.example>,\r\n"
            "\tdave@d.example, \"e f\"@mx.example (x)\r\ncc:g:h@mx.example,i@j.example;\r\n"
            "Reply-To : k@mx.example\r\nSender: < l@mx.example >\r\nResent-To: m@mx.example\r\n" +
                both + "Subject: n\r\n\r\n");
  EXPECT_EQ(edit(both + "To: bob"), both + "To: bob@mx.example");
}

TEST(HeaderEditor, ManyDomainsDoNotMakeTooLongLines) {
  std::string list = both + "To: a";
  for (int i = 0; i < 450; ++i) list += ",a";
  const std::string edited = edit(list + "\r\n\r\n");
  std::size_t addresses = 0;
  for (std::size_t at = 0; at < edited.size();) {
    const std::size_t end = edited.find("\r\n", at);
    EXPECT_LE(end - at, 998u);
    at = end + 2;
  }
  for (std::size_t at = edited.find("a@mx"); at != edited.npos; at = edited.find("a@mx", at + 1))
    ++addresses;
  EXPECT_EQ(addresses, 451u);
}

TEST(HeaderEditor, FromNamesTheSender) {
  const std::string author = "alice@a.example";
  const auto from = [&](const std::string& body) {
    const std::string edited = edit(both + "From:" + body + "\r\nTo: bob\r\n\r\n", author);
    const std::size_t begin = both.size() + 5;
    EXPECT_TRUE(edited.ends_with("\r\nTo: bob@mx.example\r\n\r\n")) << edited;
    return edited.substr(begin, edited.find("\r\nTo:") - begin);
  };
  EXPECT_EQ(from(" mallory@m.example"), " alice@a.example");
  EXPECT_EQ(from(" Mallory <mallory@m.example>"), " Mallory <alice@a.example>");
  EXPECT_EQ(from(" \"The, Boss\" <boss>,\r\n other@b.example (O)"),
            " \"The, Boss\" <alice@a.example>,\r\n alice@a.example (O)");
  EXPECT_EQ(from(" <@r.example,@s.example:boss@b.example>"), " <alice@a.example>");
  EXPECT_EQ(from(" (c) boss@b.example"), " (c) alice@a.example");
  EXPECT_EQ(from(" group: boss@b.example;"), " group: alice@a.example;");
  // What is not understood could show anything.
  EXPECT_EQ(from(" boss@b.example <"), " alice@a.example");
  EXPECT_EQ(from(" boss @ b example, c"), " alice@a.example");
  EXPECT_EQ(from(""), "");
  EXPECT_EQ(edit(both + "Resent-From: x@y.example\r\n\r\n", author),
            both + "Resent-From: x@y.example\r\n\r\n");
}

// Some readers step over a line that is no field, and would show the From behind it.
TEST(HeaderEditor, NoFromHidesBehindALineThatIsNoField) {
  const std::string rest = ":\r\nFrom: boss@corp.example\r\n\r\ntext\r\n";
  EXPECT_EQ(edit(both + rest, "alice@a.example"), both + "\r\n" + rest);
  EXPECT_EQ(edit(both + rest), both + rest);
}

TEST(HeaderEditor, FieldsThatAreTooLong) {
  const std::string rest(edited_field_octets_max, 'x');
  const std::string to = both + "To: bob, " + rest + "\r\n cont\r\nCc: c\r\n\r\n";
  std::string expected = to;
  expected.replace(expected.find("Cc: c"), 5, "Cc: c@mx.example");
  for (const std::size_t piece : {to.size(), std::size_t{1000}})
    EXPECT_EQ(edit_in_pieces(to, piece, ""), expected);
  const std::string from = both + "From: boss, " + rest + "\r\n cont\r\nCc: c@d.example\r\n\r\n";
  for (const std::size_t piece : {from.size(), std::size_t{1000}})
    EXPECT_EQ(edit_in_pieces(from, piece, "a@b.example"),
              both + "From: a@b.example\r\nCc: c@d.example\r\n\r\n");
  // The longest that is edited.
  const std::string most = "To: bob, " + std::string(edited_field_octets_max - 11, 'x') + "\r\n";
  EXPECT_NE(edit_in_pieces(both + most + "\r\n", 5000, "").find("bob@mx.example"),
            std::string::npos);
  const std::string more = "To: bob, " + std::string(edited_field_octets_max - 10, 'x') + "\r\n";
  EXPECT_EQ(edit_in_pieces(both + more + "\r\n", 5000, "").find("bob@mx.example"),
            std::string::npos);
}

TEST(HeaderEditor, TextWithoutAnEmptyLineBeforeItIsNotJoinedToTheHeader) {
  EXPECT_EQ(edit("Hello world\r\nBcc: x\r\n"), date + message_id + "\r\nHello world\r\nBcc: x\r\n");
  EXPECT_EQ(edit("To: bob\r\nHello\r\n"),
            "To: bob@mx.example\r\n" + date + message_id + "\r\nHello\r\n");
  EXPECT_EQ(edit("Hello"), date + message_id + "\r\nHello");
  EXPECT_EQ(edit(": x\r\n"), date + message_id + "\r\n: x\r\n");
  EXPECT_EQ(edit("A\x01:b\r\n"), date + message_id + "\r\nA\x01:b\r\n");
  EXPECT_EQ(edit("\rx\r\n"), date + message_id + "\r\n\rx\r\n");
  EXPECT_EQ(edit("\r"), date + message_id + "\r\n\r");
  EXPECT_EQ(edit("Subject: a"), "Subject: a\r\n" + date + message_id);
  EXPECT_EQ(edit(both + "Hello\r\nBcc: x\r\n"), both + "Hello\r\nBcc: x\r\n");
  EXPECT_EQ(edit(both + "Subject: a"), both + "Subject: a");
}

// A bare LF is an octet of its line (bare-newline keep), so nothing hides behind one.
TEST(HeaderEditor, OnlyCrLfEndsALine) {
  EXPECT_EQ(edit(both + "Subject: a\nBcc: b\r\n\n\r\n"), both + "Subject: a\nBcc: b\r\n\n\r\n");
  EXPECT_EQ(edit(both + "Bcc: a\nSubject: b\r\n c\r\n\r\n"), both + "\r\n");
}

TEST(HeaderEditor, ALineThatNeverEndsIsNotKept) {
  const std::string word(3'000, 'w');
  EXPECT_EQ(edit(both + word + ": x\r\n\r\n"), both + word + ": x\r\n\r\n");
  EXPECT_EQ(edit("A" + std::string(3'000, ' ') + ":x\r\n\r\n"),
            date + message_id + "\r\nA" + std::string(3'000, ' ') + ":x\r\n\r\n");
}

}  // namespace
}  // namespace ringpost::submission
