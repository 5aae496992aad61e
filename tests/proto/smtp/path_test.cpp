// Mailboxes and paths; what the dialogue makes of them stands in tests/golden/addresses.dialogue.
#include "proto/smtp/path.h"

#include <gtest/gtest.h>

namespace ringpost::smtp {
namespace {

TEST(Mailbox, IsKeptAsItIsMeant) {
  const auto mailbox = parse_mailbox("\"John \\\"Q\\\"\"@Example.COM");
  ASSERT_TRUE(mailbox);
  EXPECT_EQ(mailbox->local, "John \"Q\"");
  EXPECT_EQ(mailbox->domain, "example.com");
  EXPECT_FALSE(mailbox->has_address_literal());
  EXPECT_EQ(parse_mailbox("\"plain\"@a.example"), parse_mailbox("plain@a.example"));
  EXPECT_NE(parse_mailbox("Plain@a.example"), parse_mailbox("plain@a.example"));
}

TEST(Mailbox, PrintsWhatItParses) {
  for (const char* text :
       {"a@b.example", "a.b+c@b.example", "\"\"@b.example", "\"a b\"@b.example",
        "\"a..b\"@b.example", "\".a\"@b.example", "\"a.\"@b.example", "\"a\\\\b\"@b.example",
        "\"a@b\"@c.example", "!#$%&'*+-/=?^_`{|}~@b.example", "\xc3\xa9@\xc3\xa9.example",
        "u@[192.0.2.1]", "u@[IPv6:2001:db8::1]", "a@under_score.example", "a@localhost", "a@1.2"}) {
    const auto mailbox = parse_mailbox(text);
    ASSERT_TRUE(mailbox) << text;
    EXPECT_EQ(to_text(*mailbox), text);
    EXPECT_EQ(parse_mailbox(to_text(*mailbox)), mailbox);
  }
}

TEST(Mailbox, RefusesWhatIsNone) {
  for (const char* text : {"",          "a",          "@",
                           "a@",        "@b",         "a@@b",
                           "a b@c",     "a@b c",      "a@b.",
                           "a@.b",      "a@b..c",     "a@-b",
                           "a@b-",      "a@b.-c",     ".a@b",
                           "a.@b",      "a..b@c",     "\"a@b",
                           "\"a\"b@c",  "a\"b\"@c",   "\"a\\",
                           "\"a\\\"@b", "\"\x01\"@b", "\"\\\x01\"@b",
                           "a\x80@b",   "a@\xff.b",   "\xed\xa0\x80@b",
                           "a@[1.2.3]", "a@[1.2.3.4", "a@1.2.3.4]",
                           "a@b>",      "<a@b>",      "a@b,c@d",
                           "a(c)@b",    "a@b!c",      "a@b\n"})
    EXPECT_FALSE(parse_mailbox(text)) << text;
}

// RFC 5321 4.5.3.1, RFC 1035 2.3.4
TEST(Mailbox, IsBounded) {
  const std::string label(63, 'd');
  EXPECT_TRUE(parse_mailbox(std::string(local_part_octets_max, 'a') + "@b.example"));
  EXPECT_FALSE(parse_mailbox(std::string(local_part_octets_max + 1, 'a') + "@b.example"));
  EXPECT_TRUE(parse_domain(label + "." + label + "." + label + "." + label));
  EXPECT_FALSE(parse_domain(label + "d.example"));
  EXPECT_FALSE(parse_domain(label + "." + label + "." + label + "." + label + ".d"));
}

TEST(Path, HasItsSpecialForms) {
  ASSERT_TRUE(parse_reverse_path(""));
  EXPECT_TRUE(parse_reverse_path("")->is_null());
  EXPECT_EQ(to_text(ReversePath{}), "");
  ASSERT_TRUE(parse_forward_path("PostMaster"));
  EXPECT_TRUE(parse_forward_path("PostMaster")->is_bare_postmaster());
  EXPECT_EQ(to_text(*parse_forward_path("PostMaster")), "postmaster");
  EXPECT_EQ(to_text(*parse_forward_path("a@B.example")), "a@b.example");
  EXPECT_EQ(to_text(*parse_reverse_path("a@B.example")), "a@b.example");
  EXPECT_FALSE(parse_forward_path(""));
  EXPECT_FALSE(parse_forward_path("someone"));
  EXPECT_FALSE(parse_reverse_path("postmaster"));
}

TEST(Path, IsTakenFromTheStartOfText) {
  const auto sender = parse_bracketed_reverse_path("<a@b.example> SIZE=1");
  ASSERT_TRUE(sender);
  EXPECT_EQ(sender->octets, 13u);
  EXPECT_EQ(parse_bracketed_reverse_path("<>x")->octets, 2u);
  const auto routed = parse_bracketed_forward_path("<@a,@b.example:c@d.example>");
  ASSERT_TRUE(routed);
  EXPECT_EQ(to_text(routed->path), "c@d.example");
  EXPECT_EQ(routed->octets, 27u);
  EXPECT_EQ(parse_bracketed_forward_path("<postMASTER>")->octets, 12u);
  for (const char* text :
       {"", "<", "a@b", "<a@b", "<a@b.example", "< a@b>", "<a@b >", "<@a:>", "<@a>", "<@a,b@c>",
        "<@a,@:b@c>", "<postmaster", "<postmasters>", "<@-a:b@c>"})
    EXPECT_FALSE(parse_bracketed_forward_path(text)) << text;
}

TEST(Path, AMissingDomainCanBeGiven) {
  const auto sender = parse_bracketed_reverse_path("<alice> SIZE=1", "MX.example");
  ASSERT_TRUE(sender);
  EXPECT_EQ(to_text(sender->path), "alice@mx.example");
  EXPECT_EQ(sender->octets, 7u);
  EXPECT_EQ(to_text(parse_bracketed_forward_path("<\"a b\">", "mx.example")->path),
            "\"a b\"@mx.example");
  EXPECT_EQ(to_text(parse_bracketed_forward_path("<a@b.example>", "mx.example")->path),
            "a@b.example");
  EXPECT_TRUE(
      parse_bracketed_forward_path("<postmaster>", "mx.example")->path.is_bare_postmaster());
  EXPECT_TRUE(parse_bracketed_reverse_path("<>", "mx.example")->path.is_null());
  for (const char* text : {"<alice", "<alice@>", "<@>", "< >", "<a b>", "<.a>", "<@a:>"})
    EXPECT_FALSE(parse_bracketed_forward_path(text, "mx.example")) << text;
  EXPECT_FALSE(parse_bracketed_reverse_path("<alice>"));
}

TEST(Path, KnowsWhatNeedsSmtpUtf8) {
  EXPECT_TRUE(has_non_ascii(*parse_mailbox("\xc3\xa9@b.example")));
  EXPECT_TRUE(has_non_ascii(*parse_mailbox("a@\xc3\xa9.example")));
  EXPECT_FALSE(has_non_ascii(*parse_mailbox("a@b.example")));
}

}  // namespace
}  // namespace ringpost::smtp
