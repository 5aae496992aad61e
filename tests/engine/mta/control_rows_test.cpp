// The rows that ringpostctl and scripts read: their members stay.
#include "engine/mta/control_rows.h"

#include <gtest/gtest.h>

namespace ringpost::mta {
namespace {

TEST(ControlRows, QueueRowAsDocumented) {
  const QueueRow row{.id = QueueId{0x0100000000000001},
                     .recipient = 1,
                     .accepted = {1'795'392'611'123'456},
                     .octets = 4096,
                     .from = "a@example.test",
                     .to = "b@example.test",
                     .action = "local",
                     .state = "pending",
                     .attempts = 2,
                     .last_error = "Permission denied"};
  EXPECT_EQ(to_json(row).dump(),
            "{\"id\":\"0100000000000001\",\"recipient\":1,"
            "\"accepted\":\"2026-11-23T00:10:11.123456Z\",\"octets\":4096,"
            "\"from\":\"a@example.test\",\"to\":\"b@example.test\",\"action\":\"local\","
            "\"state\":\"pending\",\"attempts\":2,\"next_try\":null,"
            "\"last_error\":\"Permission denied\"}");
}

TEST(ControlRows, EnvelopeRowHoldsItsRecipients) {
  EnvelopeRow row{.id = QueueId{1}, .from = "a@example.test", .smtputf8 = true};
  EXPECT_EQ(to_json(row)["recipients"].dump(), "[]");
  row.recipients.push_back({.address = "b@example.test", .state = "delivered", .attempts = 1});
  const Json json = to_json(row);
  EXPECT_EQ(json["id"], "0000000000000001");
  EXPECT_EQ(json["smtputf8"], true);
  EXPECT_EQ(json["recipients"][0]["address"], "b@example.test");
  EXPECT_EQ(json["recipients"][0]["state"], "delivered");
}

// The same words from the daemon and from the offline tool: only who waits for another try is
// delayed, and has a time for it.
TEST(ControlRows, WhoWaitsIsDelayed) {
  store::Envelope envelope;
  envelope.recipients.resize(3);
  envelope.recipients[0].progress.next_due = {7'000'000};
  envelope.recipients[1].progress = {
      .next_due = {7'000'000}, .attempts = 1, .status = store::DeliveryStatus::Delayed};
  envelope.recipients[2].progress = {
      .next_due = {7'000'000}, .attempts = 1, .status = store::DeliveryStatus::Delivered};
  const EnvelopeRow row = envelope_row(QueueId{1}, envelope);
  EXPECT_EQ(row.recipients[0].state, "pending");
  EXPECT_EQ(row.recipients[1].state, "delayed");
  EXPECT_EQ(row.recipients[2].state, "delivered");
  EXPECT_EQ(row.recipients[0].next_try, WallTime{});
  EXPECT_EQ(row.recipients[1].next_try, WallTime{7'000'000});
  EXPECT_EQ(row.recipients[2].next_try, WallTime{});
}

TEST(ControlRows, SampleNamesItsKind) {
  const observe::Sample sample{.name = "ringpost_limit_used",
                               .help = "open sessions",
                               .kind = observe::SampleKind::Gauge,
                               .label = "limit=\"connections\"",
                               .value = 7};
  EXPECT_EQ(to_json(sample).dump(),
            "{\"name\":\"ringpost_limit_used\",\"label\":\"limit=\\\"connections\\\"\","
            "\"kind\":\"gauge\",\"value\":7,\"help\":\"open sessions\"}");
}

}  // namespace
}  // namespace ringpost::mta
