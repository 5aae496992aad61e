// What is read from a message that arrives, however it is cut.
#include "tools/load/arrival.h"

#include <gtest/gtest.h>

#include "tools/load/content.h"

namespace ringpost::load {
namespace {

Arrival read(std::string_view text, std::size_t piece = SIZE_MAX) {
  Arrival arrival;
  for (; !text.empty(); text.remove_prefix(std::min(piece, text.size())))
    arrival.take(bytes_of(text.substr(0, piece)));
  return arrival;
}

TEST(LoadArrival, ReadsWhatTheSourceWroteBehindOtherFields) {
  std::string text = "Received: from a\r\n\tby b; X-Ringpost-Load: no\r\n";
  append_id_fields(text, {.run = 1, .slot = 2, .sequence = 3}, Instant{456});
  text += "Subject: x\r\n\r\nX-Ringpost-Load: body\r\n";
  for (const std::size_t piece : {1uz, 2uz, 3uz, 50uz, SIZE_MAX}) {
    const Arrival arrival = read(text, piece);
    EXPECT_EQ(arrival.id(), "00000001-000002-0000000003");
    EXPECT_EQ(arrival.sent(), Instant{456});
  }
}

TEST(LoadArrival, FallsBackToTheMessageId) {
  const Arrival arrival = read("message-id: <a@b>\r\n\r\ngr\xc3\xbc\r\n");
  EXPECT_EQ(arrival.id(), "a@b");
  EXPECT_FALSE(arrival.sent());
}

TEST(LoadArrival, NeverGivesAnIdThatIsNoWord) {
  for (const std::string_view text :
       {"", "\r\n", "Message-ID:\r\n\r\n", "Message-ID: <a b>\r\n\r\n", "Subject: x\r\n",
        "X-Ringpost-Load: \xff\r\n\r\n", "\r\nMessage-ID: <in@the.body>\r\n\r\n"})
    EXPECT_EQ(read(text).id(), "-") << text;
  EXPECT_EQ(read("Message-ID: <" + std::string(300, 'x') + ">\r\n\r\n").id(), "-");
}

TEST(LoadArrival, KeepsABoundedPartOfAHeader) {
  std::string text = "Message-ID: <a@b>\r\n";
  while (text.size() < 2 * Arrival::header_octets_max) text += "X-Long: field\r\n";
  text += "X-Ringpost-Load: late\r\n\r\n";
  EXPECT_EQ(read(text, 1000).id(), "a@b");
}

}  // namespace
}  // namespace ringpost::load
