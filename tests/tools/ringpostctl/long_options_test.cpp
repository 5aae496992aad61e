// Options with values, in both spellings, and what is said about wrong ones.
#include "tools/ringpostctl/long_options.h"

#include <array>

#include <gtest/gtest.h>

namespace ringpost::ctl {
namespace {

using namespace std::string_view_literals;
constexpr std::array known{"key"sv, "dns"sv};

auto parse(std::vector<std::string> words) { return LongOptions::parse(words, known); }

TEST(LongOptions, TakesBothSpellings) {
  const auto options = parse({"--key", "a", "--dns=x=y", "--key=", "--key", "--dns"});
  ASSERT_TRUE(options.has_value());
  EXPECT_EQ(options->find("dns"), "x=y");
  EXPECT_EQ(options->find("key"), "--dns");
  EXPECT_EQ(options->all("key"), (std::vector<std::string>{"a", "", "--dns"}));
  EXPECT_EQ(options->missing(known), std::nullopt);
}

TEST(LongOptions, SaysWhatIsWrong) {
  EXPECT_EQ(parse({"key"}).error(), "unknown word \"key\"");
  EXPECT_EQ(parse({"--other", "x"}).error(), "unknown option --other");
  EXPECT_EQ(parse({"--key"}).error(), "--key needs a value");
  EXPECT_EQ(parse({"--key=1"})->missing(known), "--dns is missing");
  EXPECT_EQ(parse({})->find("key"), std::nullopt);
}

}  // namespace
}  // namespace ringpost::ctl
