// Replies on the wire.
#include "proto/smtp/reply.h"

#include <gtest/gtest.h>

#include "proto/smtp/replies.h"

namespace ringpost::smtp {
namespace {

std::string printed(const ReplyView& reply) {
  std::string text;
  append_reply(text, reply);
  return text;
}

TEST(Reply, CarriesItsEnhancedStatusOnEveryLine) {
  EXPECT_EQ(printed(replies::ok), "250 2.0.0 Ok\r\n");
  EXPECT_EQ(printed({550, {5, 7, 1}, "No\nnot here\n"}),
            "550-5.7.1 No\r\n550-5.7.1 not here\r\n550 5.7.1 \r\n");
  EXPECT_EQ(printed(replies::send_content), "354 End data with <CRLF>.<CRLF>\r\n");
}

TEST(Reply, LetsNoTextBreakItsShape) {
  EXPECT_EQ(printed({250, {2, 0, 0}, "a\r\n250 b\x7f\xc3\xa9\t"}),
            "250-2.0.0 a?\r\n250 2.0.0 250 b???\t\r\n");
  EXPECT_EQ(printed({250, {}, std::string_view("a\0b", 3)}), "250 a?b\r\n");
}

// RFC 5321 4.5.3.1.5
TEST(Reply, CutsLinesThatAreTooLong) {
  const std::string text = printed({250, {2, 10, 100}, std::string(2000, 'x') + "\nend"});
  const std::size_t first = text.find("\r\n") + 2;
  EXPECT_EQ(first, reply_line_octets_max);
  EXPECT_EQ(text.substr(first), "250 2.10.100 end\r\n");
}

TEST(Reply, IsKeptAndViewed) {
  const Reply reply(replies::mail_loop);
  EXPECT_EQ(reply.view(), replies::mail_loop);
  EXPECT_EQ(reply, Reply(554, {5, 4, 6}, std::string(replies::mail_loop.text)));
  EXPECT_TRUE(replies::ok.is_positive());
  EXPECT_TRUE(replies::send_content.is_positive());
  EXPECT_FALSE(replies::too_many_recipients.is_positive());
  EXPECT_EQ(replies::too_big.severity(), 5u);
}

}  // namespace
}  // namespace ringpost::smtp
