// `dmarc reports`: what it says, and every mistake with its place.
#include "tests/proto/conf/conf_support.h"

namespace ringpost::conf {
namespace {

TEST(ParseDmarc, NothingIsGatheredWithoutIt) {
  EXPECT_FALSE(config_of("listen on lo dmarc none").dmarc_reports);
}

TEST(ParseDmarc, HasDefaults) {
  const Config config = config_of("dmarc reports from dmarc@example.org");
  ASSERT_TRUE(config.dmarc_reports);
  EXPECT_EQ(config.dmarc_reports->from, "dmarc@example.org");
  EXPECT_EQ(config.dmarc_reports->organization, "");
  EXPECT_EQ(config.dmarc_reports->contact, "");
  EXPECT_EQ(config.dmarc_reports->interval, seconds(86'400));
}

TEST(ParseDmarc, TakesOptionsInAnyOrder) {
  const Config config = config_of(
      "dmarc reports from d@example.org interval 1h contact \"call us\" organization \"A & B\"");
  ASSERT_TRUE(config.dmarc_reports);
  EXPECT_EQ(config.dmarc_reports->interval, seconds(3'600));
  EXPECT_EQ(config.dmarc_reports->contact, "call us");
  EXPECT_FALSE(config.dmarc_reports->failures_per_hour);
  EXPECT_EQ(
      config_of("dmarc reports from d@example.org failures 100").dmarc_reports->failures_per_hour,
      100u);
  EXPECT_EQ(config.dmarc_reports->organization, "A & B");
}

TEST(ParseDmarc, TellsWhatIsWrong) {
  for (const auto& [line, part] : std::vector<std::pair<std::string, std::string>>{
           {"dmarc", "expected reports"},
           {"dmarc reports", "expected"},
           {"dmarc reports from nobody", "is no mail address"},
           {"dmarc reports from \"<d@example.org>\"", "is no mail address"},
           {"dmarc reports from d@example.org interval 1s", "1:"},
           {"dmarc reports from d@example.org maybe",
            "expected organization, contact, interval or failures"},
           {"dmarc reports from d@example.org organization \"\xc3\xa4\"", "printable ASCII"},
           {"dmarc reports from d@example.org failures", "how many reports about failures"},
           {"dmarc reports from d@example.org failures 0", "out of range: 1 to 10000"},
           {"dmarc reports from d@example.org failures 10001", "out of range: 1 to 10000"}})
    EXPECT_TRUE(errors_in(line).contains(part)) << line << ": " << errors_in(line);
}

}  // namespace
}  // namespace ringpost::conf
