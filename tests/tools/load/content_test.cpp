// Generated messages: their size, their form, and that two never carry the same id.
#include "tools/load/content.h"

#include <gtest/gtest.h>

namespace ringpost::load {
namespace {

const WallTime date{1'763'800'000'000'000};

std::string_view text_of(const iovec& part) {
  return {static_cast<const char*>(part.iov_base), part.iov_len};
}

TEST(LoadContent, HasExactlyTheSizeAskedFor) {
  for (const std::uint64_t octets : {512u, 513u, 600u, 601u, 4096u, 65'537u, 1u << 20}) {
    const Content content(octets, "a@a.test", "b@b.test", date);
    EXPECT_EQ(content.octets(), octets);
    EXPECT_TRUE(text_of(content.raw()).ends_with("\r\n"));
  }
}

TEST(LoadContent, IsAMessageWithAHeaderAndABody) {
  const Content content(4096, "a@a.test", "u%d@b.test", date);
  const std::string_view text = text_of(content.raw());
  EXPECT_TRUE(text.starts_with("From: <a@a.test>\r\nTo: <u0@b.test>\r\n"));
  EXPECT_NE(text.find("\r\nDate: Sat, 22 Nov 2025 08:26:40 +0000\r\n\r\n"), std::string::npos);
}

TEST(LoadContent, StuffsItsDotsOnlyForData) {
  const Content content(4096, "", "b@b.test", date);
  EXPECT_NE(text_of(content.raw()).find("\r\n. a line"), std::string::npos);
  EXPECT_NE(text_of(content.encoded()).find("\r\n.. a line"), std::string::npos);
  EXPECT_TRUE(text_of(content.encoded()).ends_with("\r\n.\r\n"));
}

TEST(LoadContent, AMessageOfAFileIsSentAsItIs) {
  const Content content(with_smtp_line_ends("Subject: a\n\n.b\r\nc"));
  EXPECT_EQ(text_of(content.raw()), "Subject: a\r\n\r\n.b\r\nc\r\n");
  EXPECT_EQ(text_of(content.encoded()), "Subject: a\r\n\r\n..b\r\nc\r\n.\r\n");
  EXPECT_EQ(content.octets(), text_of(content.raw()).size());
  EXPECT_FALSE(content.has_id());
}

TEST(LoadContent, LineEndsOfAFileBecomeThoseOfSmtp) {
  EXPECT_EQ(with_smtp_line_ends(""), "\r\n");
  EXPECT_EQ(with_smtp_line_ends("a\n"), "a\r\n");
  EXPECT_EQ(with_smtp_line_ends("\na\r\n\n"), "\r\na\r\n\r\n");
}

TEST(LoadContent, IdFieldsAreOfOneSize) {
  std::string fields;
  append_id_fields(fields, {.run = 0xdeadbeef, .slot = 12, .sequence = 345}, Instant{67'890});
  EXPECT_EQ(fields,
            "X-Ringpost-Load: deadbeef-000012-0000000345\r\n"
            "X-Ringpost-Sent: 00000000000000067890\r\n"
            "Message-ID: <deadbeef-000012-0000000345@load.ringpost.invalid>\r\n");
  EXPECT_EQ(fields.size(), id_fields_octets);
  append_id_fields(fields, {.run = 0, .slot = 999'999, .sequence = 9'999'999'999}, never);
  EXPECT_EQ(fields.size(), 2 * id_fields_octets);
}

TEST(LoadContent, NumbersEveryPlaceInARecipient) {
  EXPECT_EQ(numbered_recipient("u%d@h%d.test", 42), "u42@h42.test");
  EXPECT_EQ(numbered_recipient("user@b.test", 42), "user@b.test");
}

}  // namespace
}  // namespace ringpost::load
