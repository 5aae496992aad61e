// What a delivery reads of a header: marks of spam in all their spellings, earlier deliveries, and
// the same answer however the octets are cut.
#include "proto/mail/delivery_scan.h"

#include <gtest/gtest.h>

namespace ringpost::mail {
namespace {

struct Answer {
  bool spam = false;
  bool delivered_before = false;
  bool operator==(const Answer&) const = default;
};

Answer answer(std::string_view content, std::size_t piece = std::string_view::npos) {
  DeliveryScan scan("alice@example.org");
  while (!content.empty()) {
    if (!scan.scan(bytes_of(content.substr(0, piece)))) break;
    content.remove_prefix(std::min(piece, content.size()));
  }
  scan.finish();
  return {scan.is_spam(), scan.was_delivered_before()};
}

bool is_spam(std::string_view content) {
  const Answer whole = answer(content);
  for (const std::size_t piece : {1u, 2u, 7u, 100u}) EXPECT_EQ(answer(content, piece), whole);
  return whole.spam;
}

TEST(DeliveryScan, MarksOfSpam) {
  EXPECT_TRUE(is_spam("X-Spam: Yes\r\n\r\n"));
  EXPECT_TRUE(is_spam("Subject: x\r\nx-spam-flag:YES\r\n\r\nbody\r\n"));
  EXPECT_TRUE(is_spam("X-Spam: yes, score=12.1\r\n\r\n"));
  EXPECT_TRUE(is_spam("X-Spam:\r\n yes\r\nSubject: folded\r\n\r\n"));
  EXPECT_TRUE(is_spam("X-Spam : yes\n\n"));
  EXPECT_TRUE(is_spam("X-Spam: yes"));
  EXPECT_TRUE(is_spam("X-Spam: yes\r\nno field\r\n"));
}

TEST(DeliveryScan, WhatIsNoMark) {
  EXPECT_FALSE(is_spam(""));
  EXPECT_FALSE(is_spam("X-Spam: no\r\nX-Spam-Flag: NO\r\n\r\n"));
  EXPECT_FALSE(is_spam("X-Spam: yesterday\r\n\r\n"));
  EXPECT_FALSE(is_spam("X-Spam-Status: Yes\r\n\r\n"));
  EXPECT_FALSE(is_spam("X-Spam:\r\n\r\nyes\r\n"));
  EXPECT_FALSE(is_spam("Subject: x\r\n X-Spam: yes\r\n\r\n"));
  EXPECT_FALSE(is_spam("Subject: x\r\n\r\nX-Spam: yes\r\n"));
  EXPECT_FALSE(is_spam("not a field\r\nX-Spam: yes\r\n\r\n"));
  EXPECT_FALSE(is_spam("Subject: " + std::string(5'000, 'x') + "\r\n yes\r\n\r\n"));
  EXPECT_FALSE(is_spam(std::string(DeliveryScan::header_octets_max, 'x') + "\r\nX-Spam: yes\r\n"));
}

TEST(DeliveryScan, AFieldBehindLongOnesIsFound) {
  EXPECT_TRUE(is_spam("Subject: " + std::string(5'000, 'x') + "\r\nX-Spam: yes\r\n\r\n"));
}

TEST(DeliveryScan, EarlierDeliveries) {
  EXPECT_TRUE(answer("Delivered-To: alice@example.org\r\n\r\n").delivered_before);
  EXPECT_TRUE(answer("delivered-to: Alice@Example.ORG\r\n\r\n").delivered_before);
  EXPECT_FALSE(answer("Delivered-To: bob@example.org\r\n\r\n").delivered_before);
  EXPECT_FALSE(answer("Delivered-To:\r\n\r\n").delivered_before);
  EXPECT_FALSE(answer("Subject: x\r\n\r\nDelivered-To: alice@example.org\r\n").delivered_before);
}

}  // namespace
}  // namespace ringpost::mail
