// Built-in filters that test results of sender authentication: grammar, mistakes, and what holds.
#include "proto/conf/filter_test.h"
#include "tests/proto/conf/fake_lookups.h"

namespace ringpost::conf {
namespace {

using enum FilterCondition;

std::string text_of_filter(const std::string& rest, const std::string& listener = " dmarc none") {
  return "filter f phase " + rest + "\nlisten on lo port 2525 filter f" + listener + "\n";
}

class ResultFilters : public testing::Test {
 protected:
  bool holds(const std::string& condition, std::vector<SenderFinding> findings) {
    const Config config = config_of("table far \"proc:/bin/true\"\n" +
                                    text_of_filter("commit match " + condition + " junk"));
    const SessionFacts facts{
        .client = {}, .tag = {}, .helo = {}, .sender = {}, .findings = findings};
    FilterFinding finding = test_filter(config, *config.filters.front(), facts, {}, lookups_);
    stop_ = std::move(finding.stop);
    return finding.holds;
  }

  FakeLookups lookups_;
  std::optional<TestStop> stop_;
};

TEST_F(ResultFilters, HoldForTheirMethodAndWord) {
  const std::vector<SenderFinding> found{{Spf, "softfail", "a.test"},
                                         {Dmarc, "pass", "b.test"},
                                         {Arc, "none", {}},
                                         {Iprev, "fail", {}}};
  EXPECT_TRUE(holds("spf softfail", found));
  EXPECT_TRUE(holds("spf { fail, softfail }", found));
  EXPECT_FALSE(holds("spf pass", found));
  EXPECT_TRUE(holds("! spf pass", found));
  EXPECT_TRUE(holds("dmarc pass", found));
  EXPECT_TRUE(holds("arc none", found));
  EXPECT_TRUE(holds("iprev { fail, temperror }", found));
  EXPECT_TRUE(holds("spf regex soft", found));
}

TEST_F(ResultFilters, OneSignatureIsEnough) {
  const std::vector<SenderFinding> found{{Dkim, "fail", "a.test"}, {Dkim, "pass", "b.test"}};
  EXPECT_TRUE(holds("dkim pass", found));
  EXPECT_TRUE(holds("dkim fail", found));
  EXPECT_FALSE(holds("!dkim pass", found));
  EXPECT_TRUE(holds("dkim pass domain b.test", found));
  EXPECT_FALSE(holds("dkim pass domain a.test", found));
  EXPECT_TRUE(holds("! dkim pass domain { a.test, c.test }", found));
}

TEST_F(ResultFilters, NothingHoldsOfWhatWasNotLookedAt) {
  EXPECT_FALSE(holds("spf none", {}));
  EXPECT_FALSE(holds("! spf pass", {}));
}

TEST_F(ResultFilters, TablesThatMustBeAsked) {
  const std::vector<SenderFinding> found{{Dmarc, "pass", "b.test"}};
  EXPECT_FALSE(holds("dmarc pass domain <far>", found));
  lookups_.rows["far:b.test"] = "";
  EXPECT_TRUE(holds("dmarc pass domain <far>", found));
  EXPECT_FALSE(stop_);
  lookups_.rows["far:b.test"] = "LATER";
  EXPECT_FALSE(holds("dmarc pass domain <far>", found));
  EXPECT_TRUE(stop_ && stop_->waiting_for);
  EXPECT_FALSE(holds("dmarc fail domain <far>", found));
  EXPECT_FALSE(stop_) << "the word decides";
}

TEST(ParseResultFilter, Mistakes) {
  const auto error_of = [](const std::string& rest) { return errors_in(text_of_filter(rest)); };
  EXPECT_EQ(error_of("commit match spf pass bypass"), "");
  EXPECT_EQ(error_of("commit match spf pass reject \"550 no\""), "");
  EXPECT_EQ(error_of("commit match spf passed junk"),
            "1:33: \"passed\" is no result of spf: these are none neutral pass fail softfail "
            "temperror permerror\n");
  EXPECT_NE(error_of("commit match arc softfail junk"), "");
  EXPECT_NE(error_of("commit match dmarc \"pass fail\" junk"), "");
  EXPECT_NE(error_of("commit match spf junk"), "");
  EXPECT_NE(error_of("commit match spf junk"), "");
  EXPECT_NE(error_of("commit match dmarc pass"), "");
  EXPECT_NE(error_of("commit match arc pass domain a.test junk"), "");
  EXPECT_NE(error_of("commit match iprev pass domain a.test junk"), "");
  EXPECT_NE(error_of("commit match dmarc pass domain junk"), "");
  EXPECT_EQ(error_of("data match spf fail junk"),
            "1:27: expected a condition that phase data knows, found \"spf\"\n");
  EXPECT_NE(error_of("commit match helo a.test junk"), "") << "as upstream has it";
}

TEST(ParseResultFilter, WarnsWhereNobodyLooks) {
  const std::string rest = "commit match spf fail reject \"550 no\"";
  const auto warnings = [](const std::string& text) {
    return diagnostics_of(parse_text(with_rule(text)), Severity::Warning);
  };
  EXPECT_EQ(warnings(text_of_filter(rest)), "");
  EXPECT_EQ(warnings(text_of_filter(rest, "")),
            "1:8: no listener with filter \"f\" has \"dmarc\": its test never holds\n");
  EXPECT_EQ(warnings("filter f phase " + rest + "\n"), "");
  const std::string chain = "filter f phase " + rest +
                            "\nfilter c chain { f }\nlisten on lo port 2525 filter c dmarc junk\n"
                            "listen on lo port 2526 filter c\n";
  EXPECT_EQ(warnings(chain), "");
}

}  // namespace
}  // namespace ringpost::conf
