// PROXY headers: whom they name, and everything that is none.
#include "proto/proxy/header.h"

#include <array>
#include <string>

#include <gtest/gtest.h>

#include "proto/base/crc32c.h"

namespace ringpost::proxy {
namespace {

using namespace std::string_literals;

const std::string signature("\r\n\r\n\0\r\nQUIT\n", 12);

std::string sized(std::size_t octets) {
  return {static_cast<char>(octets >> 8), static_cast<char>(octets)};
}

std::string binary(char command, char transport, const std::string& rest) {
  return signature + command + transport + sized(rest.size()) + rest;
}

std::string extra(char type, const std::string& value) {
  return type + sized(value.size()) + value;
}

const std::string inet4 = "\xc0\x00\x02\x07\xc6\x33\x64\x01\xc8\x22\x00\x19"s;

std::string describe(const HeaderReader& reader) {
  if (!reader.done()) return "more";
  if (!reader.result()) return std::string(to_text(reader.result().error()));
  const Origin& origin = *reader.result();
  if (origin.kind == Origin::Kind::Proxy) return "proxy";
  if (origin.kind == Origin::Kind::Nobody) return "nobody";
  return conf::to_text(origin.address) + " " + std::to_string(origin.port);
}

// What is read of `text`, in one piece and octet by octet, which must be the same; behind it SMTP
// follows, of which nothing may be taken.
std::string read(const std::string& text) {
  HeaderReader whole;
  const std::size_t taken = whole.receive(bytes_of(text + "EHLO a\r\n"));
  HeaderReader cut;
  std::size_t taken_cut = 0;
  for (const char octet : text + "EHLO a\r\n") taken_cut += cut.receive(bytes_of({&octet, 1}));
  EXPECT_EQ(taken, taken_cut);
  EXPECT_EQ(describe(whole), describe(cut));
  if (whole.done() && whole.result()) {
    EXPECT_EQ(taken, text.size());
  }
  return describe(whole);
}

TEST(ProxyHeader, LinesNameTheClient) {
  EXPECT_EQ(read("PROXY TCP4 192.0.2.7 198.51.100.1 51234 25\r\n"), "192.0.2.7 51234");
  EXPECT_EQ(read("PROXY TCP6 2001:db8::7 2001:DB8::1 0 65535\r\n"), "2001:db8::7 0");
  EXPECT_EQ(read("PROXY TCP6 ::ffff:192.0.2.7 ::ffff:192.0.2.1 1 2\r\n"), "192.0.2.7 1");
  EXPECT_EQ(read("PROXY UNKNOWN\r\n"), "nobody");
  EXPECT_EQ(read("PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n"), "nobody");
}

TEST(ProxyHeader, LinesThatAreNone) {
  for (const char* line :
       {"PROXY TCP4 192.0.2.7 198.51.100.1 51234\r\n",
        "PROXY TCP4 192.0.2.7 198.51.100.1 1 2 3\r\n", "PROXY TCP4 192.0.2.7  198.51.100.1 1 2\r\n",
        "PROXY TCP4 192.0.2.7 198.51.100.1 1 2 \r\n", "PROXY TCP4 2001:db8::7 2001:db8::1 1 2\r\n",
        "PROXY TCP6 192.0.2.7 192.0.2.1 1 2\r\n", "PROXY TCP4 192.0.2.7 198.51.100.1 65536 2\r\n",
        "PROXY TCP4 192.0.2.7 198.51.100.1 01 2\r\n", "PROXY TCP4 192.0.2.7 198.51.100.1 -1 2\r\n",
        "PROXY TCP4 192.0.2.7 198.51.100.1 1 +2\r\n", "PROXY TCP4 [192.0.2.7] 198.51.100.1 1 2\r\n",
        "PROXY TCP6 IPv6:::1 ::1 1 2\r\n", "PROXY TCP4 192.0.2 198.51.100.1 1 2\r\n",
        "PROXY TCP4 a.example 198.51.100.1 1 2\r\n", "PROXY TCP4 192.0.2.7 198.51.100.1 1 2\n",
        "PROXY TCP4\r\n", "PROXY TCP4 \r\n"})
    EXPECT_EQ(read(line), "malformed PROXY header") << line;
  EXPECT_EQ(read("PROXY TCP4\0"s), "malformed PROXY header");
  for (const char* line :
       {"PROXY UDP4 192.0.2.7 198.51.100.1 1 2\r\n", "PROXY tcp4 a b 1 2\r\n", "PROXY \r\n"})
    EXPECT_EQ(read(line), "PROXY header of a protocol that is not for streams") << line;
  EXPECT_EQ(read("PROXY UNKNOWN " + std::string(107, 'x') + "\r\n"), "PROXY header too long");
  // 107 octets are the longest line that there is.
  EXPECT_EQ(read("PROXY UNKNOWN " + std::string(91, 'x') + "\r\n"), "nobody");
  EXPECT_EQ(read("PROXY UNKNOWN " + std::string(92, 'x') + "\r\n"), "PROXY header too long");
}

TEST(ProxyHeader, ASessionWithoutHeaderShowsAtOnce) {
  for (const char* text : {"EHLO a.example\r\n", "proxy TCP4", "\r\nEHLO", "\r\n\r\nQUIT", "PROXYX",
                           "\x16\x03\x01\x02"}) {
    HeaderReader reader;
    const std::size_t taken = reader.receive(bytes_of(text));
    EXPECT_EQ(describe(reader), "no PROXY header") << text;
    EXPECT_EQ(reader.receive(bytes_of("more")), 0u);
    EXPECT_LE(taken, 6u);
  }
}

TEST(ProxyHeader, BinaryHeadersNameTheClient) {
  EXPECT_EQ(read(binary(0x21, 0x11, inet4)), "192.0.2.7 51234");
  std::string inet6 = "\x20\x01\x0d\xb8"s + std::string(11, 0) + "\x07" + std::string(16, 0);
  inet6 += "\x12\x34\x00\x19"s;
  EXPECT_EQ(read(binary(0x21, 0x21, inet6)), "2001:db8::7 4660");
  const std::string mapped = std::string(10, 0) + "\xff\xff\xc0\x00\x02\x07"s;
  EXPECT_EQ(read(binary(0x21, 0x21, mapped + mapped + "\x00\x01\x00\x02"s)), "192.0.2.7 1");
  EXPECT_EQ(read(binary(0x21, 0x31, std::string(216, 'u'))), "nobody");
  EXPECT_EQ(read(binary(0x21, 0x00, "")), "nobody");
}

// Its family and addresses do not count, whatever they are.
TEST(ProxyHeader, LocalIsTheProxyItself) {
  EXPECT_EQ(read(binary(0x20, 0x00, "")), "proxy");
  EXPECT_EQ(read(binary(0x20, 0x11, inet4)), "proxy");
  EXPECT_EQ(read(binary(0x20, 0x7f, "abc")), "proxy");
}

TEST(ProxyHeader, ExtensionsArePassedOver) {
  EXPECT_EQ(read(binary(0x21, 0x11, inet4 + extra(0x02, "mail.example") + extra(0x04, ""))),
            "192.0.2.7 51234");
  EXPECT_EQ(read(binary(0x21, 0x11, inet4 + extra(0x20, std::string(4000, 'c')))),
            "192.0.2.7 51234");
  EXPECT_EQ(read(binary(0x21, 0x11, inet4 + extra(0x02, "mail") + "\x04\x00"s)),
            "malformed PROXY header");
  EXPECT_EQ(read(binary(0x21, 0x11, inet4 + "\x02\x00\x05"s + "four")), "malformed PROXY header");
}

TEST(ProxyHeader, AChecksumIsHeldAgainstTheWholeHeader) {
  const std::string before = inet4 + extra(0x02, "mail.example");
  const auto with = [&](std::uint32_t sum) {
    const std::string octets{static_cast<char>(sum >> 24), static_cast<char>(sum >> 16),
                             static_cast<char>(sum >> 8), static_cast<char>(sum)};
    return binary(0x21, 0x11, before + extra(0x03, octets) + extra(0x04, "xx"));
  };
  const std::uint32_t right = crc32c(0, bytes_of(with(0)));
  EXPECT_EQ(read(with(right)), "192.0.2.7 51234");
  EXPECT_EQ(read(with(right + 1)), "PROXY header with a wrong checksum");
  EXPECT_EQ(read(binary(0x21, 0x11, inet4 + extra(0x03, "123"))), "malformed PROXY header");
  EXPECT_EQ(read(binary(0x21, 0x11, inet4 + extra(0x03, "1234") + extra(0x03, "1234"))),
            "malformed PROXY header");
}

TEST(ProxyHeader, BinaryHeadersThatAreNone) {
  for (const char command : {'\x22', '\x2f', '\x11', '\x31', '\x00'})
    EXPECT_EQ(read(binary(command, 0x11, inet4)), "PROXY header of an unknown version or command");
  for (const char transport : {'\x01', '\x10', '\x12', '\x13', '\x22', '\x32', '\x41', '\x7f'})
    EXPECT_EQ(read(binary(0x21, transport, inet4)),
              "PROXY header of a protocol that is not for streams");
  EXPECT_EQ(read(binary(0x21, 0x11, inet4.substr(1))), "malformed PROXY header");
  EXPECT_EQ(read(binary(0x21, 0x21, inet4)), "malformed PROXY header");
  EXPECT_EQ(read(signature + "\x21\x11\xff\xff"), "PROXY header too long");
  EXPECT_EQ(read(binary(0x21, 0x11, inet4 + extra(4, std::string(8192 - 16 - 12 - 3, 0)))),
            "192.0.2.7 51234");
  EXPECT_EQ(read(binary(0x21, 0x11, inet4 + extra(4, std::string(8192 - 16 - 12 - 2, 0)))),
            "PROXY header too long");
}

TEST(ProxyHeader, AHalfHeaderIsNoAnswer) {
  const std::string whole = binary(0x21, 0x11, inet4 + extra(0x02, "mail.example"));
  for (std::size_t octets = 0; octets < whole.size(); ++octets) {
    HeaderReader reader;
    EXPECT_EQ(reader.receive(bytes_of(whole.substr(0, octets))), octets);
    EXPECT_FALSE(reader.done());
  }
}

}  // namespace
}  // namespace ringpost::proxy
