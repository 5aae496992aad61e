// Parameters behind a path.
#include "proto/smtp/parameters.h"

#include <gtest/gtest.h>

namespace ringpost::smtp {
namespace {

TEST(Parameters, AreTakenOneByOne) {
  Parameters parameters("  SIZE=5\tSMTPUTF8  X==  =v ");
  const auto expect = [&](std::string_view key, std::string_view value, bool has_value) {
    const auto parameter = parameters.next();
    ASSERT_TRUE(parameter);
    EXPECT_EQ(parameter->key, key);
    EXPECT_EQ(parameter->value, value);
    EXPECT_EQ(parameter->has_value, has_value);
  };
  expect("SIZE", "5", true);
  expect("SMTPUTF8", "", false);
  expect("X", "=", true);
  expect("", "v", true);
  EXPECT_FALSE(parameters.next());
  EXPECT_FALSE(Parameters("").next());
}

}  // namespace
}  // namespace ringpost::smtp
