// Passwords against what tables keep of them: every form of hash, and threads that bound the work.
#include "engine/mta/password_pool.h"

#include <memory>
#include <vector>

#include <crypt.h>
#include <gtest/gtest.h>

#include "engine/mta/hash_functions.h"
#include "proto/sasl/scram_keys.h"
#include "tests/engine/mta/rig.h"
#include "tests/support/sha256_model.h"

namespace ringpost::mta {
namespace {

using Result = PasswordCheck::Result;

std::string hash_of(const char* prefix, unsigned long cost, const char* password) {
  crypt_data room{};
  std::string setting(CRYPT_GENSALT_OUTPUT_SIZE, '\0');
  if (crypt_gensalt_rn(prefix, cost, nullptr, 0, setting.data(), CRYPT_GENSALT_OUTPUT_SIZE) ==
      nullptr)
    return {};
  return crypt_rn(password, setting.c_str(), &room, sizeof room);
}

Result compare(std::string_view stored, std::string_view password) {
  return compare_password(stored, Secret(password));
}

TEST(Password, IsComparedWithEveryFormOfHash) {
  const std::pair<const char*, unsigned long> forms[] = {{"$2b$", 5},   {"$y$", 1},  {"$6$", 1000},
                                                         {"$5$", 1000}, {"$gy$", 1}, {"$7$", 6}};
  for (const auto& [prefix, cost] : forms) {
    const std::string hash = hash_of(prefix, cost, "p\xc3\xa4ss word");
    ASSERT_FALSE(hash.empty()) << prefix;
    EXPECT_EQ(compare(hash, "p\xc3\xa4ss word"), Result::Right) << hash;
    EXPECT_EQ(compare(hash, "password"), Result::Wrong) << hash;
    EXPECT_EQ(compare("{CRYPT}" + hash, "p\xc3\xa4ss word"), Result::Right) << hash;
  }
}

// A user whom a table has must not differ from one whom it has not.
TEST(Password, IsWrongWhereItIsLongerThanAnyCanBe) {
  const std::string hash = hash_of("$6$", 1000, "secret");
  for (const std::size_t octets : {511u, 512u, 1024u})
    EXPECT_EQ(compare(hash, std::string(octets, 'x')), Result::Wrong) << octets;
}

TEST(Password, IsComparedWithKeysOfScram) {
  const std::string keys =
      sasl::to_text(sasl::make_scram_keys("pencil", "0123456789", 4096, hash_functions()));
  EXPECT_EQ(compare(keys, "pencil"), Result::Right);
  EXPECT_EQ(compare(keys, "pen"), Result::Wrong);
  EXPECT_EQ(compare("{SCRAM-SHA-256}4096,x", "pencil"), Result::Unusable);
}

TEST(Password, IsNothingThatATableCannotHold) {
  for (const std::string_view stored : {"$9$unknown$x", "{SSHA}abc", "$2b$99$x"})
    EXPECT_EQ(compare(stored, "secret"), Result::Unusable) << stored;
  for (const std::string_view stored : {"*", "!", "!$6$salt$hash", "*LK*"})
    EXPECT_EQ(compare(stored, "secret"), Result::Wrong) << stored;
}

TEST(HashFunctions, AreThoseOfTheModel) {
  const Bytes text = bytes_of("text"), key = bytes_of("key");
  EXPECT_EQ(hash_functions().sha256(text), test::sha256(text));
  EXPECT_EQ(hash_functions().hmac_sha256(key, text), test::hmac_sha256(key, text));
  EXPECT_EQ(hash_functions().pbkdf2_sha256("password", key, 3),
            test::pbkdf2_sha256("password", key, 3));
}

struct NotedCheck : PasswordCheck {
  NotedCheck(ring::Core& core, std::string stored, std::string_view given)
      : PasswordCheck(&NotedCheck::arrived, core, std::move(stored), Secret(given)) {}
  static void arrived(ring::Message& message) { static_cast<NotedCheck&>(message).back = true; }
  bool back = false;
};

TEST(PasswordPool, AnswersEverybodyAndTurnsAwayWhomItHasNoRoomFor) {
  test::TemporaryDirectory folder;
  test::SpoolRig rig{folder.path()};
  std::vector<std::unique_ptr<NotedCheck>> checks;
  const std::string hash = hash_of("$2b$", 4, "right");
  {
    PasswordPool pool(1);
    for (std::size_t i = 0; i < password_checks_waiting_max + 40; ++i) {
      const std::string stored = i % 3 == 0 ? "" : hash;
      checks.push_back(
          std::make_unique<NotedCheck>(*rig.core, stored, i % 3 == 1 ? "right" : "wrong"));
      pool.check(*checks.back());
    }
    ASSERT_TRUE(rig.run([&] {
      return std::ranges::all_of(checks, [](const auto& check) { return check->back; });
    }));
    pool.settle();
  }
  std::size_t busy = 0;
  for (std::size_t i = 0; i < checks.size(); ++i) {
    if (checks[i]->result == Result::Busy) {
      ++busy;
      continue;
    }
    EXPECT_EQ(checks[i]->result, i % 3 == 1 ? Result::Right : Result::Wrong) << i;
    EXPECT_TRUE(checks[i]->password.empty()) << "wiped";
  }
  EXPECT_GT(busy, 0u);
}

}  // namespace
}  // namespace ringpost::mta
