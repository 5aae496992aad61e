// One event is one line, whatever strangers put into its values.
#include "engine/observe/logfmt.h"

#include <gtest/gtest.h>

#include "proto/base/utf8.h"

namespace ringpost::observe {
namespace {

constexpr WallTime some_time{1'795'392'611'123'456};  // 2026-11-23T00:10:11.123456Z

std::string line_with(std::string_view value) {
  LogLine line(some_time, 0, "test");
  line("value", value);
  return std::string(line.finish());
}

std::string value_of(std::string_view value) {
  const std::string line = line_with(value);
  const std::size_t start = line.find(" value=") + 7;
  return line.substr(start, line.size() - start - 1);
}

TEST(LogLine, OpensWithTimeCoreAndEvent) {
  LogLine line(some_time, 3, "message.accepted");
  EXPECT_EQ(line.finish(), "time=2026-11-23T00:10:11.123456Z core=3 event=message.accepted\n");
  LogLine shared({0}, no_core, "daemon.started");
  EXPECT_EQ(shared.finish(), "time=1970-01-01T00:00:00.000000Z core=- event=daemon.started\n");
}

TEST(LogLine, PrintsEveryKindOfValue) {
  LogLine line(some_time, 0, "test");
  line("yes", true), line("no", false);
  line("small", -5), line("large", ~std::uint64_t{0});
  line("lowest", std::numeric_limits<std::int64_t>::min());
  line("id", QueueId{0x0100'1234'5678'9abc}), line("session", SessionId{0xff});
  line("elapsed", milliseconds(12)), line("long", milliseconds(61'007));
  line("back", milliseconds(-1500)), line("text", "bare");
  EXPECT_TRUE(line.finish().ends_with(
      " event=test yes=true no=false small=-5 large=18446744073709551615"
      " lowest=-9223372036854775808 id=0100123456789abc session=00000000000000ff"
      " elapsed=0.012 long=61.007 back=-1.500 text=bare\n"));
}

TEST(LogLine, PrintsAFaultAsText) {
  LogLine line(some_time, 0, "test");
  line("error", Fault{"open", 2, "/no/such file"});
  EXPECT_TRUE(
      line.finish().ends_with(" error=\"open /no/such file: No such file or directory\"\n"));
}

TEST(LogLine, QuotesWhatCouldEndAValueOrALine) {
  EXPECT_EQ(value_of(""), "\"\"");
  EXPECT_EQ(value_of("two words"), "\"two words\"");
  EXPECT_EQ(value_of("a=b"), "\"a=b\"");
  EXPECT_EQ(value_of("say \"hi\""), R"("say \"hi\"")");
  EXPECT_EQ(value_of("back\\slash"), R"("back\\slash")");
  EXPECT_EQ(value_of("x\r\ntime=0 event=forged"), R"("x\r\ntime=0 event=forged")");
  EXPECT_EQ(value_of("\t\x01\x7f\x1b[31m"), R"("\t\u0001\u007f\u001b[31m")");
  EXPECT_EQ(value_of(std::string_view("\0", 1)), R"("\u0000")");
}

TEST(LogLine, KeepsUtf8AndShowsWhatIsNot) {
  EXPECT_EQ(value_of("gr\xc3\xbc\xc3\x9f"), "\"gr\xc3\xbc\xc3\x9f\"");
  EXPECT_EQ(value_of("\xff\xc3"), R"("\xff\xc3")");
  EXPECT_EQ(value_of("\xc2\x85"), R"("\u0085")");
  EXPECT_EQ(value_of("\xe2\x80\xae"), R"("\u202e")");
  EXPECT_EQ(value_of("\xe2\x80\xa8"), R"("\u2028")");
}

TEST(LogLine, CutsALongValueAtACharacter) {
  const std::string exact(field_octets_max, 'a');
  EXPECT_EQ(value_of(exact), exact);
  EXPECT_EQ(value_of(exact + "b"), "\"" + exact + "\xe2\x80\xa6\"");
  const std::string split = std::string(field_octets_max - 1, 'a') + "\xc3\xbc";
  EXPECT_EQ(value_of(split), "\"" + std::string(field_octets_max - 1, 'a') + "\xe2\x80\xa6\"");
}

TEST(LogLine, EndsWithAMarkWhenItIsFull) {
  for (std::size_t size = 300; size <= 400; ++size) {
    LogLine line(some_time, 0, "test");
    for (int i = 0; i < 20; ++i) line("field", std::string(size, '\x01'));
    line("last", 1);
    const std::string_view text = line.finish();
    EXPECT_LE(text.size(), line_octets_max);
    EXPECT_TRUE(text.ends_with(" cut=true\n")) << text;
    EXPECT_FALSE(text.contains(" last="));
  }
}

// Every octet, and every length around the limits, gives one line of printable UTF-8 with balanced
// quotes.
TEST(LogLine, IsOneLineForAnyOctets) {
  std::uint32_t random = 1;
  for (int round = 0; round < 20'000; ++round) {
    std::string value;
    random = random * 1'664'525 + 1'013'904'223;
    const std::size_t size = (random >> 8) % (round % 10 == 0 ? 700 : 12);
    while (value.size() < size) {
      random = random * 1'664'525 + 1'013'904'223;
      value += static_cast<char>(random >> 24);
    }
    const std::string line = line_with(value);
    ASSERT_TRUE(is_utf8(line));
    ASSERT_EQ(line.find_first_of("\r\n"), line.size() - 1);
    const std::string shown = value_of(value);
    std::size_t quotes = 0;
    for (std::size_t i = 0; i < shown.size(); ++i) {
      if (shown[i] == '\\')
        ++i;
      else if (shown[i] == '"')
        ++quotes;
    }
    ASSERT_TRUE(quotes == 2 || (quotes == 0 && shown == value)) << shown;
  }
}

}  // namespace
}  // namespace ringpost::observe
