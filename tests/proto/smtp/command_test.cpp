// Command lines taken apart; each refusal in the dialogue stands in tests/golden.
#include "proto/smtp/command.h"

#include <gtest/gtest.h>

#include "proto/base/ascii.h"
#include "proto/smtp/replies.h"

namespace ringpost::smtp {
namespace {

TEST(Command, FindsEveryVerbInAnyCase) {
  constexpr const char* names[] = {"HELO", "EHLO", "MAIL", "RCPT", "DATA", "BDAT",     "RSET",
                                   "NOOP", "QUIT", "VRFY", "EXPN", "HELP", "STARTTLS", "AUTH"};
  for (std::size_t i = 0; i < std::size(names); ++i) {
    EXPECT_EQ(split_command(names[i])->verb, static_cast<Verb>(i));
    const std::string mixed =
        std::string(1, names[i][0]) + ascii::lower(names[i] + 1) + " \t x y \t";
    ASSERT_TRUE(split_command(mixed)) << mixed;
    EXPECT_EQ(split_command(mixed)->verb, static_cast<Verb>(i)) << mixed;
    EXPECT_EQ(split_command(mixed)->arguments, "x y");
  }
  for (const char* unknown :
       {"", " ", " NOOP", "NOOPS", "NOO", "XEHLO", "STARTTLSSTARTTLS", "\xc3\xa9"})
    EXPECT_EQ(split_command(unknown)->verb, Verb::Unknown) << unknown;
}

TEST(Command, RefusesOctetsThatNoCommandHolds) {
  EXPECT_EQ(split_command("NOOP\rx").error(), replies::bare_line_end_in_command);
  EXPECT_EQ(split_command("NOOP\nx").error(), replies::bare_line_end_in_command);
  EXPECT_EQ(split_command(std::string_view("NO\0OP", 5)).error(), replies::bad_octet);
  EXPECT_EQ(split_command("NOOP \x7f").error(), replies::bad_octet);
}

TEST(Command, GivesWhatWasSaid) {
  EXPECT_EQ(parse_command("EHLO a.example"), Command(HelloReceived{"a.example", true}));
  EXPECT_EQ(parse_command("HELO [192.0.2.1]"), Command(HelloReceived{"[192.0.2.1]", false}));
  EXPECT_EQ(parse_command("BDAT 10 LAST"), Command(Chunk{10, true}));
  EXPECT_EQ(parse_command("BDAT 18446744073709551615"), Command(Chunk{UINT64_MAX, false}));
  EXPECT_EQ(parse_command("quit"), Command(Verb::Quit));
  const auto mail = parse_command("MAIL FROM:<a@b.example> SIZE=5 BODY=8BITMIME ENVID=x");
  ASSERT_TRUE(mail);
  EXPECT_EQ(std::get<MailFrom>(*mail).size, 5u);
  EXPECT_EQ(std::get<MailFrom>(*mail).body, BodyType::EightBitMime);
  EXPECT_EQ(std::get<MailFrom>(*mail).envelope_id, "x");
  const auto rcpt = parse_command("RCPT TO:<a@b.example> NOTIFY=DELAY ORCPT=rfc822;x");
  ASSERT_TRUE(rcpt);
  EXPECT_EQ(std::get<RcptTo>(*rcpt).notify.bits, NotifySet::delay);
  EXPECT_EQ(std::get<RcptTo>(*rcpt).original_recipient, "rfc822;x");
}

TEST(Command, RefusesBadArguments) {
  for (const auto& [line, reply] : std::initializer_list<std::pair<const char*, ReplyView>>{
           {"EHLO", replies::hello_needs_name},
           {"EHLO a b", replies::hello_needs_name},
           {"EHLO \xc3\xa9.example", replies::hello_needs_name},
           {"BDAT", replies::chunk_size_unknown},
           {"BDAT -1", replies::chunk_size_unknown},
           {"BDAT 18446744073709551616", replies::chunk_size_unknown},
           {"BDAT 1 LASTLY", replies::chunk_size_unknown},
           {"BDAT 1LAST", replies::chunk_size_unknown},
           {"DATA now", replies::no_arguments_allowed},
           {"VRFY", replies::argument_needed},
           {"MAIL FROM <a@b.example>", replies::mail_syntax},
           {"RCPT TO", replies::rcpt_syntax},
           {"RCPT TO:<a@b.example>x", replies::rcpt_syntax},
           {"WHAT", replies::unknown_command}}) {
    const auto command = parse_command(line);
    ASSERT_FALSE(command) << line;
    EXPECT_EQ(command.error(), reply) << line;
  }
  EXPECT_FALSE(parse_command("EHLO " + std::string(256, 'a')));
}

}  // namespace
}  // namespace ringpost::smtp
