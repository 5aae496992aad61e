// Secret: it is wiped, and moving leaves nothing behind.
#include "proto/base/secret.h"

#include <gtest/gtest.h>

#include "proto/base/bytes.h"

namespace ringpost {
namespace {

static_assert(!std::is_copy_constructible_v<Secret>);

TEST(Secret, MovesWithoutACopy) {
  Secret secret(std::string_view("hunter2"));
  const char* place = secret.reveal().data();
  Secret other(std::move(secret));
  EXPECT_EQ(other.reveal(), "hunter2");
  EXPECT_EQ(other.reveal().data(), place) << "the same memory";
  EXPECT_TRUE(secret.empty());
  secret = std::move(other);
  EXPECT_EQ(secret.reveal(), "hunter2");
  EXPECT_EQ(Secret(std::string_view()).reveal(), "");
}

TEST(Secret, WipesWhatItIsTold) {
  char text[] = "hunter2";
  wipe(text, 6);
  EXPECT_EQ(std::string_view(text, 7), std::string_view("\0\0\0\0\0\0002", 7));
  wipe(nullptr, 0);
}

TEST(Secret, IsComparedAsAWhole) {
  EXPECT_TRUE(equal_in_constant_time("abc", "abc"));
  EXPECT_FALSE(equal_in_constant_time("abc", "abd"));
  EXPECT_FALSE(equal_in_constant_time("abc", "ab"));
  EXPECT_TRUE(equal_in_constant_time("", ""));
}

}  // namespace
}  // namespace ringpost
