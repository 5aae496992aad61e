// RET, NOTIFY, ENVID and ORCPT.
#include "proto/smtp/dsn_parameters.h"

#include <gtest/gtest.h>

namespace ringpost::smtp {
namespace {

TEST(DsnParameters, Ret) {
  EXPECT_EQ(parse_ret("FULL"), ReturnContent::Full);
  EXPECT_EQ(parse_ret("hdrs"), ReturnContent::Headers);
  for (const char* bad : {"", "FULLY", "BODY"}) EXPECT_FALSE(parse_ret(bad)) << bad;
}

TEST(DsnParameters, Notify) {
  EXPECT_EQ(parse_notify("NEVER"), NotifySet{NotifySet::never});
  EXPECT_EQ(parse_notify("success,Failure"), (NotifySet{NotifySet::success | NotifySet::failure}));
  EXPECT_TRUE(parse_notify("DELAY")->has(NotifySet::delay));
  EXPECT_FALSE(NotifySet{}.is_given());
  for (const char* bad :
       {"", ",", "DELAY,", ",DELAY", "NEVER,DELAY", "DELAY,NEVER", "DELAY FAILURE", "X"})
    EXPECT_FALSE(parse_notify(bad)) << bad;
}

TEST(DsnParameters, EnvelopeId) {
  EXPECT_TRUE(is_envelope_id("QQ314159+2B"));
  EXPECT_TRUE(is_envelope_id(std::string(envelope_id_octets_max, 'a')));
  for (const char* bad : {"", "a b", "a=b", "+", "+2", "+2b", "a+zz", "\xc3\xa9", "a\x01"})
    EXPECT_FALSE(is_envelope_id(bad)) << bad;
  EXPECT_FALSE(is_envelope_id(std::string(envelope_id_octets_max + 1, 'a')));
}

TEST(DsnParameters, OriginalRecipient) {
  for (const char* good :
       {"rfc822;a@b", "rfc822;a+2Bb@c", "x-local;me", "utf-8;\xc3\xa9@b", "UTF-8;\\x{E9}@b"})
    EXPECT_TRUE(is_original_recipient(good)) << good;
  for (const char* bad : {"", ";", "rfc822", "rfc822;", ";a@b", "rfc 822;a", "rfc822;a b",
                          "rfc822;a=b", "rfc822;\xc3\xa9@b", "utf-8;\xc3", "rfc822;a+2b"})
    EXPECT_FALSE(is_original_recipient(bad)) << bad;
  EXPECT_FALSE(is_original_recipient("rfc822;" + std::string(original_recipient_octets_max, 'a')));
}

TEST(DsnParameters, DecodesXtext) {
  EXPECT_EQ(decode_xtext("a+2Bb+3Dc"), "a+b=c");
  EXPECT_EQ(decode_xtext("+0D+0A+FF"), "\r\n\xff");
  EXPECT_EQ(decode_xtext("+"), "+");
  EXPECT_EQ(decode_xtext("+2b+4"), "+2b+4");
  EXPECT_EQ(decode_xtext(""), "");
}

}  // namespace
}  // namespace ringpost::smtp
