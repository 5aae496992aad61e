// What follows from the addresses of a delivery: folders, commands, environments, fields.
#include "engine/mta/delivery_job.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "engine/process/agent_frame.h"

namespace ringpost::mta {
namespace {

struct Order : DeliveryOrder {
  Order() : DeliveryOrder([](ring::Message&) {}) {}
};

class DeliveryJobTest : public testing::Test {
 protected:
  void SetUp() override {
    order_.id = QueueId{0x1234};
    order_.received = WallTime{1'795'391'000'000'000};
    order_.reverse_path = "sender@client.example";
    order_.recipient.accepted_address = "info+x@example.org";
    order_.recipient.final_address = "alice+lists@example.org";
    order_.recipient.sub_address = "lists";
    action_.name = "local";
    config_.server_name = "mx.example.org";
  }
  DeliveryJob job() {
    auto made = DeliveryJob::of(order_, config_, action_);
    EXPECT_TRUE(made);
    made->owner = {"alice", 1001, 1001, "/home/alice"};
    made->writer = {"vmail", 900, 900, "/var/vmail"};
    return *made;
  }
  static conf::FormatString format(std::string_view text) {
    return *conf::FormatString::parse(text);
  }
  static std::string variable(const process::CommandOrder& order, std::string_view name) {
    for (const std::string& entry : order.environment)
      if (entry.starts_with(std::string(name) + "=")) return entry.substr(name.size() + 1);
    return "(unset)";
  }

  Order order_;
  conf::Config config_;
  conf::Action action_;
};

TEST_F(DeliveryJobTest, FieldsAndSeparator) {
  EXPECT_EQ(job().fields(),
            "Return-Path: <sender@client.example>\r\nDelivered-To: alice+lists@example.org\r\n");
  EXPECT_EQ(job().from_line(), "From sender@client.example Sun Nov 22 23:43:20 2026");
  order_.reverse_path.clear();
  EXPECT_EQ(job().from_line(), "From MAILER-DAEMON Sun Nov 22 23:43:20 2026");
}

TEST_F(DeliveryJobTest, Folders) {
  action_.path = format("~/Maildir/%{rcpt.domain}");
  EXPECT_EQ(job().maildir_folder(), "/home/alice/Maildir/example.org");
  EXPECT_EQ(job().tag_folder("/m"), "/m/.lists");
  order_.recipient.sub_address = "../../etc";
  EXPECT_EQ(job().tag_folder("/m"), "/m/...:..:etc");
  order_.recipient.sub_address = ".";
  EXPECT_EQ(job().tag_folder("/m"), "/m/.:");
  order_.recipient.sub_address.clear();
  EXPECT_EQ(job().tag_folder("/m"), "");
  action_.path = format("%{dest.user}/x");
  EXPECT_EQ(job().maildir_folder(), std::nullopt);
  EXPECT_TRUE(job().maildir_file_name().ends_with(".mx.example.org"));
}

TEST_F(DeliveryJobTest, CommandsRunInTheHomeOfWhomTheyRunAs) {
  config_.engine.command_seconds_max = 17;
  const auto order = job().command_order(format("deliver %{user.username} %{sender}"));
  ASSERT_TRUE(order);
  EXPECT_EQ(order->command, "deliver alice sender@client.example");
  EXPECT_EQ(order->folder, "/var/vmail");
  EXPECT_EQ(order->seconds_max, 17u);
  EXPECT_EQ(variable(*order, "HOME"), "/var/vmail");
  EXPECT_EQ(variable(*order, "LOGNAME"), "alice");
  EXPECT_EQ(variable(*order, "USER"), "alice");
  EXPECT_EQ(variable(*order, "SHELL"), "/bin/sh");
  EXPECT_EQ(variable(*order, "SENDER"), "sender@client.example");
  EXPECT_EQ(variable(*order, "RECIPIENT"), "alice+lists@example.org");
  EXPECT_EQ(variable(*order, "ORIGINAL_RECIPIENT"), "info+x@example.org");
  EXPECT_EQ(variable(*order, "LOCAL"), "info+x");
  EXPECT_EQ(variable(*order, "DOMAIN"), "example.org");
  EXPECT_EQ(variable(*order, "EXTENSION"), "lists");
  for (const std::string& entry : order->environment)
    EXPECT_NE(std::ranges::find(process::command_variables, entry.substr(0, entry.find('='))),
              std::ranges::end(process::command_variables))
        << entry;
}

TEST_F(DeliveryJobTest, ValuesOfStrangersAreHarmless) {
  order_.reverse_path = "\"$(id)`x`'\"@client.example";
  order_.recipient.sub_address.clear();
  const auto order = job().command_order(format("deliver %{sender.user:raw}"));
  ASSERT_TRUE(order);
  EXPECT_EQ(order->command, "deliver ::id::x::");
  EXPECT_EQ(variable(*order, "SENDER"), ":(id):x::@client.example");
  EXPECT_EQ(variable(*order, "EXTENSION"), "(unset)");
  order_.reverse_path.clear();
  EXPECT_EQ(variable(*job().command_order(format("x")), "SENDER"), "");
  order_.reverse_path = "\"-x -f /etc/passwd\"@client.example";
  const auto option = job().command_order(format("deliver %{sender}"));
  ASSERT_TRUE(option);
  EXPECT_EQ(option->command, "deliver :x:-f::etc:passwd@client.example");
  EXPECT_EQ(variable(*option, "SENDER"), "-x:-f:/etc/passwd@client.example");
}

TEST_F(DeliveryJobTest, ACommandOfAUserWithoutAHome) {
  DeliveryJob homeless = job();
  homeless.writer.directory.clear();
  const auto order = homeless.command_order(format("x"));
  ASSERT_TRUE(order);
  EXPECT_EQ(order->folder, "/");
  EXPECT_EQ(variable(*order, "HOME"), "/");
  EXPECT_TRUE(process::is_within_limits(process::AgentOrder(*order)));
}

TEST_F(DeliveryJobTest, AWrapperTakesTheCommandAsItIs) {
  const conf::MdaWrapper wrapper{"note", format("run '%{mda}' for %{user.username}")};
  action_.wrapper = &wrapper;
  const auto order = job().command_order(format("deliver \"$HOME\" %{dest.domain}"));
  ASSERT_TRUE(order);
  EXPECT_EQ(order->command, "run 'deliver \"$HOME\" example.org' for alice");
}

TEST_F(DeliveryJobTest, WhatCannotBeMade) {
  EXPECT_FALSE(job().command_order(format("x %{sender.user[99]}")));
  EXPECT_FALSE(job().command_order(conf::FormatString::unusable("%{nosuch}")));
  const conf::MdaWrapper broken{"broken", conf::FormatString::unusable("%{nosuch}")};
  action_.wrapper = &broken;
  EXPECT_FALSE(job().command_order(format("x")));
  order_.recipient.accepted_address = "not an address";
  EXPECT_FALSE(DeliveryJob::of(order_, config_, action_));
}

}  // namespace
}  // namespace ringpost::mta
