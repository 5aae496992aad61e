// The header of a message, however it is cut.
#include "proto/mail/header_scan.h"

#include <gtest/gtest.h>

namespace ringpost::mail {
namespace {

struct Seen {
  std::uint32_t received = 0;
  HeaderFields fields;
  bool in_header = true;
  bool operator==(const Seen&) const = default;
};

Seen scan_in_parts(std::string_view text, std::size_t part_octets) {
  HeaderScan scan;
  for (; !text.empty(); text.remove_prefix(std::min(part_octets, text.size())))
    scan.scan(bytes_of(text.substr(0, part_octets)));
  return {scan.received_fields(), scan.fields(), scan.is_in_header()};
}

void expect(std::string_view text, const Seen& seen) {
  for (const std::size_t part : {1u, 2u, 3u, 5u, 64u, 10'000u})
    EXPECT_EQ(scan_in_parts(text, part), seen) << text << " in " << part;
}

TEST(HeaderScan, CountsReceivedFieldsOfTheHeaderOnly) {
  expect(
      "Received: a\r\nRECEIVED: b\r\n\tReceived: folded\r\nX-Received: c\r\nReceived-SPF: d\r\n"
      "received : e\r\n\r\nReceived: body\r\n",
      {3, {}, false});
}

TEST(HeaderScan, NotesTheFieldsThatMatter) {
  expect("Date: x\r\nFrom: y\r\nMessage-ID: z\r\n\r\n", {0, {true, true, true}, false});
  expect("date:\r\nfrom :\r\nMESSAGE-id:\r\n", {0, {true, true, true}, true});
  expect("Subject: Date: x\r\nDates: x\r\nDat: x\r\nMessage-IDs: x\r\nXFrom: y\r\n", {0, {}, true});
  expect("A-very-long-field-name-that-is-none-of-ours: x\r\nFrom: y\r\n",
         {0, {false, false, true}, true});
}

TEST(HeaderScan, SeesTheEndOfTheHeader) {
  expect("", {0, {}, true});
  expect("\r\n", {0, {}, false});
  expect("Subject: x\r\n", {0, {}, true});
  expect("Subject: x\r\n\r", {0, {}, true});
  expect("Subject: x\r\nno field\r\nDate: x\r\n", {0, {}, false});
  expect("no colon\r\nDate: x\r\n", {0, {}, false});
  expect(": x\r\nDate: x\r\n", {0, {}, false});
  expect("Subject\xc3\xa9: x\r\nDate: x\r\n", {0, {}, false});
  expect("Subject x: y\r\nDate: x\r\n", {0, {}, false});
  expect("\rDate: x\r\n", {0, {}, false});
}

TEST(HeaderScan, TakesOnlyCrLfForALineEnd) {
  expect("Subject: x\nDate: y\r\nFrom: z\r\n", {0, {false, false, true}, true});
  expect("Subject: x\rDate: y\r\n", {0, {}, true});
  expect("Subject: x\r\r\nDate: y\r\n", {0, {true, false, false}, true});
}

}  // namespace
}  // namespace ringpost::mail
