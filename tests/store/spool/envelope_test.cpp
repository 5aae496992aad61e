// Envelopes and outcomes on disk: round trip, one encoding per value, bounds.
#include "store/spool/envelope.h"

#include <algorithm>
#include <array>

#include <gtest/gtest.h>

#include "store/spool/summary.h"

namespace ringpost::store {
namespace {

Envelope full_envelope() {
  Envelope envelope;
  envelope.generation = 3;
  envelope.received = WallTime{1'763'856'000'123'456};
  envelope.reverse_path = "sender@example.org";
  envelope.hello = "mail.example.org";
  envelope.client_address = "2001:db8::1";
  envelope.client_name = "mail.example.org";
  envelope.listener_tag = "SUBMISSION";
  envelope.authenticated_user = "anna";
  envelope.envelope_id = "QQ314159";
  envelope.body = BodyType::EightBitMime;
  envelope.dsn_return = DsnReturn::Headers;
  envelope.smtputf8 = true;
  for (int i = 0; i < 3; ++i) {
    Recipient recipient;
    recipient.accepted_address = "list@example.net";
    recipient.final_address = "user" + std::to_string(i) + "@example.net";
    recipient.original = "rfc822;list@example.net";
    recipient.action = "local";
    recipient.user = "user";
    if (i == 2) recipient.sub_address = "lists";
    if (i > 0) recipient.target = i == 1 ? "|/usr/bin/vacation -a list" : "/home/user/archive";
    recipient.notify_flags = notify::failure | notify::delay;
    recipient.progress = {.next_due = WallTime{i},
                          .attempts = static_cast<std::uint16_t>(i * 1'000),
                          .status = static_cast<DeliveryStatus>(i)};
    envelope.recipients.push_back(recipient);
  }
  envelope.extents = {{SegmentId{4}, 4096, 200, 1}, {SegmentId{5}, 77, 70'000, 0xffff'ffffu}};
  return envelope;
}

std::vector<std::byte> encoded(const auto& value) {
  std::vector<std::byte> octets(encoded_octets(value));
  encode(value, octets);
  return octets;
}

TEST(Envelope, RoundTrips) {
  for (const Envelope& envelope : {full_envelope(), Envelope{}}) {
    EXPECT_TRUE(is_within_limits(envelope));
    EXPECT_EQ(decode_envelope(encoded(envelope)), envelope);
  }
  EXPECT_EQ(content_octets(full_envelope()), 70'200u);
}

TEST(Envelope, RefusesEveryPrefixAndAnythingBehind) {
  std::vector<std::byte> octets = encoded(full_envelope());
  for (std::size_t size = 0; size < octets.size(); ++size)
    EXPECT_FALSE(decode_envelope(Bytes(octets).first(size))) << size;
  octets.push_back(std::byte{0});
  EXPECT_FALSE(decode_envelope(octets));
}

// Whatever a changed octet decodes to is written back as it was read: no two ways to say one thing.
TEST(Envelope, HasOneEncodingPerValue) {
  const std::vector<std::byte> good = encoded(full_envelope());
  for (std::size_t at = 0; at < good.size(); ++at) {
    for (int value = 0; value < 256; value += 17) {
      std::vector<std::byte> octets = good;
      octets[at] = static_cast<std::byte>(value);
      const auto envelope = decode_envelope(octets);
      EXPECT_TRUE(!envelope || encoded(*envelope) == octets);
    }
  }
}

TEST(Envelope, KnowsItsLimits) {
  Envelope envelope;
  envelope.hello.assign(envelope_text_octets_max, 'x');
  EXPECT_TRUE(is_within_limits(envelope));
  envelope.hello += 'x';
  EXPECT_FALSE(is_within_limits(envelope));
  envelope = {};
  envelope.recipients.resize(envelope_recipients_max + 1);
  EXPECT_FALSE(is_within_limits(envelope));
  envelope = full_envelope();
  envelope.recipients[1].original.assign(envelope_text_octets_max + 1, 'x');
  EXPECT_FALSE(is_within_limits(envelope));
  envelope = full_envelope();
  envelope.recipients[1].target.assign(envelope_text_octets_max, 'x');
  EXPECT_TRUE(is_within_limits(envelope));
  envelope.recipients[1].target += 'x';
  EXPECT_FALSE(is_within_limits(envelope));
  envelope = {};
  envelope.extents.resize(envelope_extents_max + 1);
  EXPECT_FALSE(is_within_limits(envelope));
}

TEST(Envelope, AHugeCountCostsNoMemory) {
  std::vector<std::byte> octets = encoded(Envelope{});
  octets.resize(octets.size() - 2);  // the two counts
  for (const unsigned octet : {0x90u, 0x4eu}) octets.push_back(static_cast<std::byte>(octet));
  EXPECT_FALSE(decode_envelope(octets));  // 10,000 recipients, and none there
}

TEST(Outcome, RoundTripsAndCutsLongText) {
  Outcome outcome;
  outcome.recipient = 300;
  outcome.progress = {
      .next_due = WallTime{-5}, .attempts = 65'535, .status = DeliveryStatus::Failed};
  outcome.text = "550 5.1.1 no such user";
  EXPECT_EQ(decode_outcome(encoded(outcome)), outcome);
  outcome.text.assign(5'000, 't');
  const auto kept = decode_outcome(encoded(outcome));
  ASSERT_TRUE(kept);
  EXPECT_EQ(kept->text.size(), outcome_text_octets_max);
  const std::vector<std::byte> octets = encoded(outcome);
  for (std::size_t size = 0; size < octets.size(); size += 7)
    EXPECT_FALSE(decode_outcome(Bytes(octets).first(size)));
}

TEST(Outcome, MergingDoesNotDependOnTheOrder) {
  const std::array<RecipientProgress, 4> news{
      RecipientProgress{.next_due = WallTime{1}, .attempts = 1, .status = DeliveryStatus::Delayed},
      RecipientProgress{.next_due = WallTime{9}, .attempts = 1, .status = DeliveryStatus::Delayed},
      RecipientProgress{.next_due = WallTime{2}, .attempts = 2, .status = DeliveryStatus::Delayed},
      RecipientProgress{.attempts = 2, .status = DeliveryStatus::Delivered}};
  std::array<std::size_t, 4> order{0, 1, 2, 3};
  do {
    RecipientProgress known;
    for (const std::size_t i : order) merge(known, news[i]);
    EXPECT_EQ(known, news[3]);
  } while (std::ranges::next_permutation(order).found);
}

TEST(Outcome, ReadsAndWritesHoldChangesInOneWay) {
  Outcome outcome;
  outcome.progress = {.attempts = 3, .status = DeliveryStatus::Delayed};
  const std::vector<std::byte> plain = encoded(outcome);
  EXPECT_EQ(plain.at(1), std::byte{1});  // as it always was
  outcome.progress.hold_changes = 301;
  std::vector<std::byte> octets = encoded(outcome);
  EXPECT_EQ(octets.at(1), std::byte{0x81});
  EXPECT_EQ(octets.size(), plain.size() + 2);
  EXPECT_EQ(decode_outcome(octets), outcome);
  EXPECT_TRUE(decode_outcome(octets)->progress.is_held());
  outcome.progress.hold_changes = 1;
  octets = encoded(outcome);
  octets.at(octets.size() - 2) = std::byte{0};  // none, but said to follow
  EXPECT_FALSE(decode_outcome(octets));
  octets = plain;
  octets.at(1) = std::byte{7};  // no status
  EXPECT_FALSE(decode_outcome(octets));
}

TEST(Outcome, MergesAttemptsAndHoldsApart) {
  const std::array<RecipientProgress, 4> news{
      RecipientProgress{.next_due = WallTime{5}, .attempts = 1, .status = DeliveryStatus::Delayed},
      RecipientProgress{.hold_changes = 1},
      RecipientProgress{.next_due = WallTime{9}, .attempts = 2, .status = DeliveryStatus::Delayed},
      RecipientProgress{.next_due = WallTime{5},
                        .attempts = 1,
                        .status = DeliveryStatus::Delayed,
                        .hold_changes = 3}};
  std::array<std::size_t, 4> order{0, 1, 2, 3};
  do {
    RecipientProgress known;
    for (const std::size_t i : order) merge(known, news[i]);
    EXPECT_EQ(known.attempts, 2u);
    EXPECT_EQ(known.next_due, WallTime{9});
    EXPECT_EQ(known.hold_changes, 3u);
    merge(known, {.status = DeliveryStatus::Removed});
    EXPECT_EQ(known.status, DeliveryStatus::Removed);
    EXPECT_FALSE(known.is_held());
  } while (std::ranges::next_permutation(order).found);
}

// The sender was warned, or the operator put it off: no attempt, but it counts.
TEST(Outcome, MergesTheLaterDueTimeOfEquals) {
  const RecipientProgress early{
      .next_due = WallTime{1}, .attempts = 1, .status = DeliveryStatus::Delayed};
  const RecipientProgress late{
      .next_due = WallTime{9}, .attempts = 1, .status = DeliveryStatus::Delayed};
  RecipientProgress a = early, b = late;
  merge(a, late);
  merge(b, early);
  EXPECT_EQ(a, late);
  EXPECT_EQ(b, late);
}

TEST(MessageSummary, CountsWhatIsNeededOfEachSegment) {
  const Envelope envelope = full_envelope();
  const MessageSummary summary = summarize(QueueId{1}, envelope, {SegmentId{5}, 100, 250, 0});
  ASSERT_EQ(summary.uses.size(), 2u);
  EXPECT_EQ(summary.uses[0].segment, SegmentId{5});
  EXPECT_EQ(summary.uses[0].octets, 70'250u);
  EXPECT_EQ(summary.uses[1].octets, 200u);
  EXPECT_TRUE(summary.any_pending());
  Envelope read_back = envelope;
  MessageSummary newer = summary;
  newer.recipients[0].status = DeliveryStatus::Relayed;
  apply_progress(newer, read_back);
  EXPECT_EQ(read_back.recipients[0].progress.status, DeliveryStatus::Relayed);
}

}  // namespace
}  // namespace ringpost::store
