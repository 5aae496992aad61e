// The daemon's rows as text; rows of another version or with strange members do no harm.
#include "tools/ringpostctl/show.h"

#include <memory>

#include <gtest/gtest.h>

#include "engine/mta/control_rows.h"

namespace ringpost::ctl {
namespace {

constexpr WallTime now{1'795'392'611'000'000};

TEST(Show, QueueAsATableInTheOrderOfIds) {
  const std::vector<Json> rows{
      mta::to_json(mta::QueueRow{.id = QueueId{0x0100000000000002},
                                 .accepted = now + seconds(-300),
                                 .octets = 4096,
                                 .from = "a@example.test",
                                 .to = "b@example.test",
                                 .state = "delayed",
                                 .attempts = 3,
                                 .next_try = now + seconds(90),
                                 .last_error = "open: Permission denied"}),
      mta::to_json(mta::QueueRow{.id = QueueId{0x0100000000000001},
                                 .accepted = now,
                                 .octets = 100,
                                 .from = "",
                                 .to = "c@example.test",
                                 .state = "pending",
                                 .next_try = now}),
  };
  EXPECT_EQ(queue_text(rows, now),
            "ID                AGE  SIZE  FROM            TO              STATE    ATTEMPTS  NEXT "
            "TRY  LAST ERROR\n"
            "0100000000000001   0s   100  <>              c@example.test  pending         0  now   "
            "    -\n"
            "0100000000000002   5m  4.0K  a@example.test  b@example.test  delayed         3  in "
            "90s    open: Permission denied\n");
  EXPECT_EQ(queue_text({}, now), "");
}

TEST(Show, EnvelopeWithItsRecipients) {
  mta::EnvelopeRow row{.id = QueueId{1}, .accepted = now, .octets = 10, .from = "", .helo = "x"};
  row.recipients.push_back({.address = "b@example.test", .user = "b", .state = "pending"});
  row.recipients.push_back({.address = "c@example.test",
                            .final_address = "c@example.test",
                            .target = "|/usr/bin/vacation",
                            .state = "pending"});
  const std::string text = envelope_text(mta::to_json(row), now);
  EXPECT_TRUE(text.contains("id           0000000000000001\n")) << text;
  EXPECT_TRUE(text.contains("from         <>\n"));
  EXPECT_TRUE(text.contains("helo         x\n"));
  EXPECT_FALSE(text.contains("envid"));
  EXPECT_TRUE(text.contains("ADDRESS         GOES TO             ACTION  USER  STATE"));
  EXPECT_TRUE(text.contains("b@example.test  -                   -       b     pending"));
  EXPECT_TRUE(text.contains("c@example.test  |/usr/bin/vacation  -       -     pending"));
}

TEST(Show, StatsGatherLimitsAndSummaries) {
  const auto core = std::make_unique<observe::CoreMetrics>();
  core->session.messages_accepted.add(7);
  core->session.connections.max.set(100);
  core->session.connections.used.set(3);
  core->session.closed[observe::CloseReason::Quit].add(2);
  core->spool.commit_messages.record(5);
  const observe::CoreMetrics* cores[] = {core.get()};
  std::vector<Json> rows;
  for (const observe::Sample& sample : observe::samples(cores))
    rows.push_back(mta::to_json(sample));
  const std::string text = stats_text(rows);
  const auto line = [&](std::string_view name) {
    const std::size_t start = text.find(std::string("\n") + std::string(name) + " ");
    if (start == text.npos) return std::string();
    const std::string found = text.substr(start + 1, text.find('\n', start + 1) - start - 1);
    return found.substr(found.find_first_not_of(' ', name.size()));
  };
  EXPECT_EQ(line("ringpost_session_messages_accepted_total"), "7");
  EXPECT_EQ(line("ringpost_session_messages_refused_total"), "0");
  EXPECT_EQ(line("limit connections"), "3 of 100, refused 0");
  EXPECT_EQ(line("ringpost_session_closed_total{reason=\"quit\"}"), "2");
  EXPECT_EQ(line("ringpost_session_closed_total{reason=\"fault\"}"), "");
  EXPECT_EQ(line("ringpost_spool_commit_messages"), "p50 5  p99 5  p99.9 5  max 5  sum 5  count 1");
}

TEST(Show, PausableThings) {
  const std::vector<Json> rows{Json{{"name", "mda"}, {"paused", true}},
                               Json{{"name", "smtp"}, {"paused", false}}};
  EXPECT_EQ(pausable_text(rows), "mda paused\nsmtp running\n");
}

TEST(Show, SurvivesRowsOfAnyShape) {
  const Json shapes[] = {Json(nullptr),
                         Json(7),
                         Json("text"),
                         Json::array(),
                         Json::object(),
                         Json{{"id", 7}, {"recipient", "x"}, {"octets", -1}, {"accepted", "soon"}},
                         Json{{"recipients", 7}},
                         Json{{"recipients", {1, "x", nullptr}}},
                         Json{{"name", nullptr}, {"kind", "summary"}, {"label", "\""}},
                         Json{{"name", "ringpost_limit_max"}, {"label", 9}, {"value", "many"}},
                         Json{{"name", "x"}, {"kind", "summary"}, {"label", "quantile=\"9\""}},
                         Json{{"to", {7}}}};
  for (const Json& shape : shapes) {
    const std::vector<Json> rows(2, shape);
    queue_text(rows, now), stats_text(rows), pausable_text(rows), messages_text(rows, now);
    EXPECT_FALSE(envelope_text(shape, now).contains("\x1b"));
  }
}

}  // namespace
}  // namespace ringpost::ctl
