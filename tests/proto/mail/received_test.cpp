// The Received field, and what clients try to do to it.
#include "proto/mail/received.h"

#include <algorithm>

#include <gtest/gtest.h>

namespace ringpost::mail {
namespace {

ReceivedTrace usual() {
  ReceivedTrace trace;
  trace.hello_name = "client.example";
  trace.extended = true;
  trace.client_name = "host.client.example";
  trace.client_address = "192.0.2.1";
  trace.server_name = "mx.example";
  trace.id = {0x0106'7e0d'6f0c'3a21ULL};
  trace.recipient = "bob@mx.example";
  trace.received = {1'795'391'000'000'000};
  return trace;
}

std::string printed(const ReceivedTrace& trace) {
  std::string text;
  append_received(text, trace);
  return text;
}

TEST(Received, SaysWhoByWhomAndWhen) {
  EXPECT_EQ(printed(usual()),
            "Received: from client.example (host.client.example [192.0.2.1])\r\n"
            "\tby mx.example with ESMTP id 01067e0d6f0c3a21\r\n"
            "\tfor <bob@mx.example>;\r\n"
            "\tSun, 22 Nov 2026 23:43:20 +0000\r\n");
}

TEST(Received, SaysHowItWasEncrypted) {
  ReceivedTrace trace = usual();
  trace.encrypted = true;
  trace.encryption = "TLSv1.3:TLS_AES_128_GCM_SHA256:128:NO)";
  EXPECT_TRUE(printed(trace).contains(
      "\tby mx.example with ESMTPS (TLSv1.3:TLS_AES_128_GCM_SHA256:128:NO?)\r\n"
      "\tid 01067e0d6f0c3a21\r\n"));
}

TEST(Received, LeavesOutWhatIsNotKnown) {
  ReceivedTrace trace = usual();
  trace.client_name = "";
  trace.client_address = "2001:db8::1";
  trace.recipient = "";
  EXPECT_EQ(printed(trace),
            "Received: from client.example (unknown [IPv6:2001:db8::1])\r\n"
            "\tby mx.example with ESMTP id 01067e0d6f0c3a21;\r\n"
            "\tSun, 22 Nov 2026 23:43:20 +0000\r\n");
}

TEST(Received, NamesTheUserOfTheLocalSocket) {
  ReceivedTrace trace = usual();
  trace.client_name = "";
  trace.client_address = "local:1000";
  trace.local_user = 1000;
  EXPECT_TRUE(
      printed(trace).starts_with("Received: from client.example (1000@mx.example [local])\r\n"
                                 "\tby mx.example with ESMTP id 01067e0d6f0c3a21\r\n"));
}

TEST(Received, HidesTheSourceWhenTold) {
  ReceivedTrace trace = usual();
  trace.masked = true;
  EXPECT_TRUE(printed(trace).starts_with(
      "Received: by mx.example with ESMTP id 01067e0d6f0c3a21\r\n\tfor <bob@mx.example>;\r\n"));
}

// RFC 3848, RFC 6531 4.3
TEST(Received, NamesTheProtocol) {
  const auto with = [](bool extended, bool utf8, bool encrypted, bool authenticated) {
    ReceivedTrace trace = usual();
    trace.extended = extended;
    trace.smtputf8 = utf8;
    trace.encrypted = encrypted;
    trace.authenticated = authenticated;
    const std::string text = printed(trace);
    const std::size_t begin = text.find(" with ") + 6;
    return text.substr(begin, text.find(' ', begin) - begin);
  };
  EXPECT_EQ(with(false, false, false, false), "SMTP");
  EXPECT_EQ(with(true, false, false, false), "ESMTP");
  EXPECT_EQ(with(true, false, true, false), "ESMTPS");
  EXPECT_EQ(with(true, false, false, true), "ESMTPA");
  EXPECT_EQ(with(true, false, true, true), "ESMTPSA");
  EXPECT_EQ(with(true, true, false, false), "UTF8SMTP");
  EXPECT_EQ(with(true, true, true, true), "UTF8SMTPSA");
}

TEST(Received, KeepsItsShapeWhateverTheClientSaid) {
  for (const char* name :
       {"a\r\nX-Evil: 1", "a)(b", "a; Mon", "a by b", "\"a\"", "<a>", "\\", "a\tb", ","}) {
    ReceivedTrace trace = usual();
    trace.hello_name = trace.client_name = trace.client_address = name;
    trace.recipient = "x>\r\nX-Evil: 1<";
    const std::string text = printed(trace);
    EXPECT_EQ(std::ranges::count(text, '\n'), 4) << text;
    EXPECT_EQ(std::ranges::count(text, '('), 1) << text;
    EXPECT_EQ(std::ranges::count(text, ')'), 1) << text;
    EXPECT_EQ(std::ranges::count(text, ';'), 1) << text;
    EXPECT_EQ(std::ranges::count(text, '<'), 1) << text;
    EXPECT_TRUE(text.starts_with("Received: from ")) << text;
  }
}

TEST(Received, HoldsUtf8OnlyInASmtpUtf8Transaction) {
  ReceivedTrace trace = usual();
  trace.recipient = "\xc3\xa9@mx.example";
  EXPECT_NE(printed(trace).find("<??@mx.example>"), std::string::npos);
  trace.smtputf8 = true;
  EXPECT_NE(printed(trace).find("<\xc3\xa9@mx.example>"), std::string::npos);
  trace.recipient = "\xc3@mx.example";
  EXPECT_NE(printed(trace).find("<?@mx.example>"), std::string::npos) << "not well-formed";
}

// RFC 5322 2.1.1: no line beyond 998 octets.
TEST(Received, HasBoundedLines) {
  ReceivedTrace trace = usual();
  const std::string long_name(5000, 'a');
  trace.recipient = long_name;
  const std::string text = printed(trace);
  EXPECT_LT(text.size(), 998u);
}

}  // namespace
}  // namespace ringpost::mail
