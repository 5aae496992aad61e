// Text for people: widths, units, and nothing that could fool a terminal.
#include "tools/ringpostctl/table.h"

#include <gtest/gtest.h>

#include "engine/observe/logfmt.h"

namespace ringpost::ctl {
namespace {

TEST(Table, AlignsItsColumns) {
  Table table({{"id"}, {"size", Align::Right}, {"to"}});
  table.add({"1", "4.0K",
             "gr\xc3\xbc\xc3\x9f"
             "e@example.test"});
  table.add({"0100123456789abc", "7", "b"});
  EXPECT_EQ(table.text(),
            "ID                SIZE  TO\n"
            "1                 4.0K  gr\xc3\xbc\xc3\x9f"
            "e@example.test\n"
            "0100123456789abc     7  b\n");
}

TEST(Table, HidesWhatCouldFoolATerminal) {
  EXPECT_EQ(printable("plain \xc3\xbc"), "plain \xc3\xbc");
  EXPECT_EQ(printable("\x1b[31mred\r\n\t\x7f"), "?[31mred????");
  EXPECT_EQ(printable("\xff\xc3"), "??");
  EXPECT_EQ(printable_lines("one\n\x1btwo\n"), "one\n?two\n");
  EXPECT_EQ(printable_lines("one\r"), "one?");
  EXPECT_EQ(printable("\xe2\x80\xae\xc2\x85"), "??");
  Table table({{"from"}});
  table.add({"\x1b]0;owned\x07"});
  EXPECT_EQ(table.text(), "FROM\n?]0;owned?\n");
}

TEST(Table, ShowsSizes) {
  const std::pair<std::uint64_t, std::string_view> cases[] = {
      {0, "0"},           {1023, "1023"},      {1024, "1.0K"},       {4096, "4.0K"},
      {10'188, "9.9K"},   {10'189, "10K"},     {1'047'000, "1022K"}, {1'048'100, "1.0M"},
      {1u << 20, "1.0M"}, {36'700'160, "35M"}, {1ull << 30, "1.0G"}, {~0ull, "16E"},
  };
  for (const auto& [octets, text] : cases) EXPECT_EQ(size_text(octets), text) << octets;
}

TEST(Table, ShowsDurations) {
  const std::pair<std::int64_t, std::string_view> cases[] = {
      {-5, "0s"},   {0, "0s"},        {119, "119s"},   {120, "2m"},     {7199, "119m"},
      {7200, "2h"}, {172'799, "47h"}, {172'800, "2d"}, {345'600, "4d"},
  };
  for (const auto& [s, text] : cases) EXPECT_EQ(duration_text(seconds(s)), text);
}

TEST(Table, ReadsTheTimesThatTheDaemonWrites) {
  for (const std::int64_t us :
       {0ll, 1ll, 951'782'400'000'000ll, 1'795'392'611'123'456ll, 4'102'444'799'999'999ll}) {
    EXPECT_EQ(parse_rfc3339(observe::rfc3339_text({us})), WallTime{us});
  }
  for (const std::string_view text :
       {"", "2026-11-23", "2026-11-23T00:10:11.123456", "2026-13-23T00:10:11.123456Z",
        "2026-02-30T00:10:11.123456Z", "2026-11-23T24:10:11.123456Z", "2026-11-23 00:10:11.123456Z",
        "2026-11-23T00:10:1x.123456Z"}) {
    EXPECT_EQ(parse_rfc3339(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace ringpost::ctl
