// Forged results leave a message, and nothing else does.
#include "proto/auth/results_remover.h"

#include <gtest/gtest.h>

namespace ringpost::auth {
namespace {

std::string without(std::string_view content, std::size_t cut = 0) {
  ResultsRemover remover("mx.test");
  std::string left;
  for (const std::string_view part : {content.substr(0, cut), content.substr(cut)}) {
    const std::size_t taken = remover.edit(bytes_of(part), left);
    left += part.substr(taken);
  }
  if (!remover.done()) remover.finish(left);
  return left;
}

TEST(ResultsRemover, TakesOutWhatClaimsToBeOurs) {
  const std::string_view content =
      "Received: x\r\nAuthentication-Results: mx.test; spf=pass\r\n"
      "AUTHENTICATION-results :\r\n (comment (nested) \\) mx.test) \"MX.test\" "
      "1;\r\n\tdkim=pass\r\n"
      "Authentication-Results: other.test; spf=pass\r\n\tsmtp.mailfrom=a\r\n"
      "Authentication-Results: mx.test.evil.test; none\r\nX-Authentication-Results: mx.test; "
      "none\r\n"
      "ARC-Authentication-Results: i=1; mx.test; none\r\nSubject: y\r\n\r\n"
      "Authentication-Results: mx.test; none\r\n";
  const std::string_view rest =
      "Received: x\r\nAuthentication-Results: other.test; spf=pass\r\n\tsmtp.mailfrom=a\r\n"
      "Authentication-Results: mx.test.evil.test; none\r\nX-Authentication-Results: mx.test; "
      "none\r\n"
      "ARC-Authentication-Results: i=1; mx.test; none\r\nSubject: y\r\n\r\n"
      "Authentication-Results: mx.test; none\r\n";
  for (std::size_t cut = 0; cut < content.size(); ++cut)
    ASSERT_EQ(without(content, cut), rest) << cut;
}

TEST(ResultsRemover, LeavesWhatIsNoHeader) {
  for (const std::string_view content :
       {"", "\r\n", "text\r\n", "\r\nAuthentication-Results: mx.test; none\r\n",
        " begins with a blank\r\nSubject: x\r\n\r\nbody", "Subject: no end"})
    for (std::size_t cut = 0; cut <= content.size(); ++cut)
      ASSERT_EQ(without(content, cut), content) << cut;
}

TEST(ResultsRemover, ALineThatIsNoFieldHidesNothing) {
  const std::string_view content =
      "text\r\nAuthentication-Results: mx.test; spf=pass\r\nA: b\r\n\r\nbody";
  for (std::size_t cut = 0; cut <= content.size(); ++cut)
    ASSERT_EQ(without(content, cut), "text\r\nA: b\r\n\r\nbody") << cut;
}

// Nobody writes such a field in earnest, and readers end what has no end as they like.
TEST(ResultsRemover, TakesOutWhatCouldBeReadAsOurs) {
  for (const std::string_view value :
       {"mx.test.; spf=pass", "\" mx.test. \"; spf=pass", "(open mx.test; spf=pass",
        "((open) mx.test; spf=pass", "(open\\) mx.test; spf=pass", "\"mx.test; spf=pass",
        "\"mx.test\\\"; spf=pass"})
    EXPECT_EQ(without(std::string("Authentication-Results: ").append(value) + "\r\nA: b\r\n\r\n"),
              "A: b\r\n\r\n")
        << value;
  const std::string comment = "(" + std::string(ResultsRemover::field_octets_max, 'x') + "\r\n )";
  EXPECT_EQ(
      without("Authentication-Results:\r\n " + comment + " mx.test; spf=pass\r\nA: b\r\n\r\n"),
      "A: b\r\n\r\n");
  EXPECT_FALSE(names_service("a.test; x=(", "mx.test"));
  EXPECT_FALSE(names_service("mx.test..; none", "mx.test"));
}

TEST(ResultsRemover, EndsWithTheContent) {
  EXPECT_EQ(without("A: b\r\nAuthentication-Results: mx.test"), "A: b\r\n");
  EXPECT_EQ(without("A: b\r\nAuthentication-Results: mx.test\r\n ;none\r\n"), "A: b\r\n");
  EXPECT_EQ(without("A: b\r\nAuthentication-Results: a.test"),
            "A: b\r\nAuthentication-Results: a.test");
}

// However long, it is taken out whole, or left whole.
TEST(ResultsRemover, BoundsWhatItHolds) {
  const std::string fold = "\r\n " + std::string(500, 'x');
  std::string forged = "Authentication-Results: mx.test;";
  std::string other = "Authentication-Results: a.test;";
  for (int i = 0; i < 100; ++i) forged += fold, other += fold;
  EXPECT_EQ(without(forged + "\r\nB: c\r\n\r\n", 7), "B: c\r\n\r\n");
  EXPECT_EQ(without(other + "\r\nB: c\r\n\r\n", 7), other + "\r\nB: c\r\n\r\n");
  const std::string line = "Authentication-Results: mx.test;" + std::string(100'000, 'y');
  EXPECT_EQ(without(line + "\r\n z\r\nB: c\r\n\r\n", 90'000), "B: c\r\n\r\n");
  const std::string subject = "Subject: " + std::string(100'000, 'y');
  EXPECT_EQ(without(subject + "\r\n z\r\n\r\n", 90'000), subject + "\r\n z\r\n\r\n");
}

}  // namespace
}  // namespace ringpost::auth
