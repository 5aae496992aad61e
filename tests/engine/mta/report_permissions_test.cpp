// Many destinations at a time: how often the DNS is asked, and what a silent one costs the others.
#include "engine/mta/report_permissions.h"

#include <algorithm>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace ringpost::mta {
namespace {

using Kind = auth::ReportPermission::Kind;

// Destinations agree, but for those that are refused; below "silent" nobody answers.
struct ReportPermissionsTest : testing::Test {
  std::size_t rounds = 0, questions = 0;
  bool is_ending = false;
  std::vector<std::string> asked;
  ReportPermissions permissions;

  dns::AnswerPointer answer(const dns::Question& question) {
    const std::string name = question.name.text();
    asked.push_back(name);
    if (name.contains("silent")) return std::make_shared<const dns::Answer>();
    const bool agrees = name.contains("._report.") && !name.contains("refuses");
    dns::Answer answer{.outcome = agrees ? dns::Outcome::Found : dns::Outcome::NoName};
    if (agrees) answer.records.emplace_back(dns::Text{{"v=DMARC1"}});
    return std::make_shared<const dns::Answer>(std::move(answer));
  }
  void find(std::vector<ReportDestination> wanted, std::size_t portions = 1000) {
    permissions.find(
        std::move(wanted), nullptr,
        [this](const std::vector<dns::Question>& all)
            -> std::optional<std::vector<dns::AnswerPointer>> {
          if (is_ending) return std::nullopt;
          ++rounds;
          questions += all.size();
          std::vector<dns::AnswerPointer> answers;
          for (const dns::Question& one : all) answers.push_back(answer(one));
          return answers;
        },
        [&portions] { return portions-- == 0; });
  }
  std::optional<Kind> kind(std::string domain, std::string host) const {
    const auto* known = permissions.known({std::move(domain), std::move(host)});
    return known == nullptr ? std::nullopt : std::optional(known->kind);
  }
};

std::vector<ReportDestination> many(std::size_t count, std::string_view host) {
  std::vector<ReportDestination> all;
  for (std::size_t i = 0; i < count; ++i)
    all.push_back({fmt::format("d{:03}.a", i), fmt::format("h{:03}.{}", i, host)});
  return all;
}

TEST_F(ReportPermissionsTest, APortionIsAskedAboutTogether) {
  auto wanted = many(ReportPermissions::together_max - 2, "b");
  wanted.push_back({"x.a", "refuses.c"});
  wanted.push_back({"x.a", "silent.c"});
  wanted.push_back({"x.a", "refuses.c"});
  find(wanted);
  EXPECT_EQ(rounds, 2u) << "the walks, then the permissions";
  EXPECT_EQ(kind("d000.a", "h000.b"), Kind::Permitted);
  EXPECT_EQ(kind("x.a", "refuses.c"), Kind::Refused);
  EXPECT_EQ(kind("x.a", "silent.c"), Kind::Failed);
  EXPECT_EQ(kind("y.a", "other.c"), std::nullopt);
}

TEST_F(ReportPermissionsTest, WhatIsKnownIsNotAskedAgain) {
  find({{"x.a", "y.b"}, {"z.a", "z.a"}});
  const std::size_t before = questions;
  find({{"x.a", "y.b"}, {"z.a", "z.a"}});
  EXPECT_EQ(questions, before);
  permissions.clear();
  EXPECT_EQ(kind("x.a", "y.b"), std::nullopt);
}

TEST_F(ReportPermissionsTest, ASilentHostIsWaitedForOnce) {
  find({{"x.a", "silent.b"}});
  const std::size_t before = questions;
  find({{"y.a", "silent.b"}});
  EXPECT_EQ(questions, before);
  EXPECT_EQ(kind("y.a", "silent.b"), Kind::Failed);
}

TEST_F(ReportPermissionsTest, WhoWasSilentIsLastTheNextTime) {
  auto wanted = many(ReportPermissions::together_max, "silent.b");
  wanted.push_back({"z.a", "y.b"});
  find(wanted, 1);
  EXPECT_EQ(kind("d000.a", "h000.silent.b"), Kind::Failed);
  EXPECT_EQ(kind("z.a", "y.b"), std::nullopt) << "time was up";
  permissions.clear();
  find(wanted, 1);
  EXPECT_EQ(kind("z.a", "y.b"), Kind::Permitted);
}

TEST_F(ReportPermissionsTest, EndsWhenItHasTo) {
  is_ending = true;
  find({{"x.a", "y.b"}});
  EXPECT_EQ(kind("x.a", "y.b"), std::nullopt);
}

}  // namespace
}  // namespace ringpost::mta
