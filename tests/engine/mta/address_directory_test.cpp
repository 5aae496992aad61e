// The addresses of configured hosts, asked through the thread that may block.
#include "engine/mta/address_directory.h"

#include <list>

#include <gtest/gtest.h>

#include "tests/engine/support.h"

namespace ringpost::mta {
namespace {

struct Asked : AddressQuestion {
  Asked(ring::Core& asker, std::string name, std::uint16_t port_number)
      : AddressQuestion(&Asked::came, asker, std::move(name), port_number) {}
  static void came(ring::Message& message) { ++static_cast<Asked&>(message).answers; }
  int answers = 0;
};

class AddressDirectoryTest : public testing::Test {
 protected:
  bool answered(const std::list<Asked>& questions) {
    return test::run_until(*core_, [&] {
      return std::ranges::all_of(questions, [](const Asked& one) { return one.answers == 1; });
    });
  }
  std::unique_ptr<ring::Core> core_ = test::make_core();
};

TEST_F(AddressDirectoryTest, NamesAndLiterals) {
  AddressDirectory hosts;
  std::list<Asked> questions;
  hosts.ask(questions.emplace_back(*core_, "127.0.0.1", 24));
  hosts.ask(questions.emplace_back(*core_, "localhost", 2424));
  hosts.ask(questions.emplace_back(*core_, "localhost", 25));
  ASSERT_TRUE(answered(questions));
  EXPECT_EQ(questions.front().addresses.at(0).to_text(), "127.0.0.1:24");
  for (const Asked& one : questions) {
    ASSERT_FALSE(one.addresses.empty());
    EXPECT_TRUE(one.addresses.front().is_loopback());
    EXPECT_EQ(one.addresses.front().port(), one.port);
    EXPECT_EQ(one.error, "");
  }
  hosts.settle();
}

TEST_F(AddressDirectoryTest, UnknownHosts) {
  AddressDirectory hosts;
  std::list<Asked> questions;
  hosts.ask(questions.emplace_back(*core_, "no-such-host.invalid", 24));
  ASSERT_TRUE(answered(questions));
  EXPECT_TRUE(questions.front().addresses.empty());
  EXPECT_EQ(questions.front().error, "no address is known for no-such-host.invalid");
  hosts.settle();
}

TEST_F(AddressDirectoryTest, WhatWaitsIsAnsweredBeforeTheEnd) {
  std::list<Asked> questions;
  {
    AddressDirectory hosts;
    for (int i = 0; i < 50; ++i) hosts.ask(questions.emplace_back(*core_, "127.0.0.1", 24));
  }
  EXPECT_TRUE(answered(questions));
}

}  // namespace
}  // namespace ringpost::mta
