// What is found in the queue of one core: every recipient once, page by page, by each condition, in
// turns that stay short however long the queue is.
#include "engine/mta/queue_listing.h"

#include <set>

#include <gtest/gtest.h>

#include "tests/engine/mta/rig.h"

namespace ringpost::mta {
namespace {

class QueueListingTest : public testing::Test {
 protected:
  QueuePart find(std::vector<std::string> words, QueuePlace from = {}, std::size_t limit = 1'000) {
    auto selection = control::parse_selection(words, true);
    EXPECT_TRUE(selection) << selection.error();
    QueueWish wish;
    wish.selection = std::make_shared<const control::Selection>(std::move(*selection));
    wish.from = from;
    wish.limit = limit;
    wish.with_details = with_details_;
    wish.leaves_out_new = leaves_out_new_;
    auto part = test::result_of(*rig_.core, find_in_queue(*rig_.core, *rig_.dispatcher, wish));
    return part ? std::move(*part) : QueuePart{};
  }
  // "N.recipient" of each entry, N counting the messages of `ids_`.
  std::vector<std::string> found(std::vector<std::string> words) {
    std::vector<std::string> names;
    for (const QueueEntry& entry : find(std::move(words)).entries) {
      const auto place = std::ranges::find(ids_, entry.id);
      names.push_back(fmt::format("{}.{}", place - ids_.begin(), entry.recipient));
    }
    std::ranges::sort(names);
    return names;
  }
  // A message of `recipients`, accepted so long ago.
  void accept(const std::vector<std::string>& recipients, Duration age = {}) {
    store::Envelope envelope;
    for (const std::string& address : recipients) {
      envelope.recipients.emplace_back();
      envelope.recipients.back().accepted_address = address;
      envelope.recipients.back().final_address = address;
    }
    ids_.push_back(rig_.accept("x\r\n", std::move(envelope), Duration{-age.ns}).id);
  }
  // Messages that only the index knows: nothing of them can be read back.
  void enter(std::uint64_t count) {
    for (std::uint64_t i = 1; i <= count; ++i) {
      store::MessageSummary message;
      message.id = QueueId{i};
      message.received = rig_.core->wall() + Duration{-seconds(1).ns * static_cast<int>(i % 100)};
      message.envelope.segment = store::SegmentId{1};
      message.recipients.resize(1);
      rig_.dispatcher->recovered(message);
    }
  }

  using Names = std::vector<std::string>;
  test::TemporaryDirectory folder_;
  test::SpoolRig rig_{folder_.path()};
  std::vector<QueueId> ids_;
  bool with_details_ = false;
  bool leaves_out_new_ = false;
};

TEST_F(QueueListingTest, FindsByEveryCondition) {
  ASSERT_TRUE(rig_.start());
  accept({"alice@example.org", "bob@other.test"});
  accept({"carol@sub.example.org"}, seconds(7'200));
  accept({"dave@example.org"}, seconds(600));
  EXPECT_EQ(found({"all"}), (Names{"0.0", "0.1", "1.0", "2.0"}));
  EXPECT_EQ(found({"domain", "EXAMPLE.org"}), (Names{"0.0", "2.0"}));
  EXPECT_EQ(found({"domain", "*.example.org"}), (Names{"1.0"}));
  EXPECT_EQ(found({"recipient", "bob@other.test"}), (Names{"0.1"}));
  EXPECT_EQ(found({"sender", "@example.org"}).size(), 4u);
  EXPECT_EQ(found({"sender", "<>"}), Names{});
  EXPECT_EQ(found({"older", "5m"}), (Names{"1.0", "2.0"}));
  EXPECT_EQ(found({"older", "5m", "newer", "1h"}), (Names{"2.0"}));
  EXPECT_EQ(found({"older", "5m", "domain", "example.org"}), (Names{"2.0"}));
  EXPECT_EQ(found({"status", "paused"}).size(), 4u);
  EXPECT_EQ(found({"status", "pending"}), Names{});
  EXPECT_EQ(found({"held"}), Names{});
  EXPECT_EQ(found({to_text(ids_[0]), to_text(ids_[2])}), (Names{"0.0", "0.1", "2.0"}));
  EXPECT_EQ(found({to_text(ids_[0]) + ".1", to_text(ids_[1]) + ".5"}), (Names{"0.1"}));
  EXPECT_EQ(found({"0123456789abcdef"}), Names{});
}

TEST_F(QueueListingTest, DescribesWhatItFound) {
  ASSERT_TRUE(rig_.start());
  accept({"alice@example.org"});
  rig_.dispatcher->restore_error(ids_[0], 0, "Connection refused");
  with_details_ = true;
  const QueuePart part = find({"all"});
  ASSERT_EQ(part.entries.size(), 1u);
  const QueueEntry& entry = part.entries[0];
  EXPECT_EQ(entry.from, "sender@example.org");
  EXPECT_EQ(entry.to, "alice@example.org");
  EXPECT_EQ(entry.octets, 3u);
  EXPECT_EQ(entry.last_error, "Connection refused");
  EXPECT_EQ(to_text(entry.state), "paused");
  EXPECT_FALSE(part.next);
}

TEST_F(QueueListingTest, GoesOnWithinAMessage) {
  ASSERT_TRUE(rig_.start());
  accept(std::vector<std::string>(7, "a@example.org"));
  accept(std::vector<std::string>(4, "a@example.org"));
  std::set<std::pair<QueueId, std::uint32_t>> seen;
  std::size_t entries = 0;
  std::optional<QueuePlace> place = QueuePlace{};
  while (place) {
    const auto text = parse_queue_place(to_text(*place));
    ASSERT_EQ(text, place);
    const QueuePart part = find({"domain", "example.org"}, *place, 3);
    EXPECT_LE(part.entries.size(), 3u);
    for (const QueueEntry& entry : part.entries) seen.emplace(entry.id, entry.recipient);
    entries += part.entries.size();
    place = part.next;
  }
  EXPECT_EQ(seen.size(), 11u);
  EXPECT_EQ(entries, 11u);
}

// The place of a message that was removed may belong to another one by the time of the next page.
TEST_F(QueueListingTest, LooksAtAnotherMessageOfTheSamePlaceAsAWhole) {
  ASSERT_TRUE(rig_.start());
  accept({"a@x.test", "b@x.test", "c@x.test"});
  const QueuePart first = find({"all"}, {}, 2);
  ASSERT_TRUE(first.next);
  EXPECT_EQ(first.next->recipient, 2u);
  rig_.complete(ids_[0]);
  accept({"d@x.test", "e@x.test", "f@x.test"});
  EXPECT_EQ(find({"all"}, *first.next).entries.size(), 3u);
}

TEST_F(QueueListingTest, LeavesOutWhatCameAfterTheFirstPage) {
  ASSERT_TRUE(rig_.start());
  accept({"a@x.test"}, seconds(60));
  accept({"b@x.test"});
  leaves_out_new_ = true;
  const QueuePlace place{.began = rig_.core->wall() + Duration{-seconds(30).ns}};
  EXPECT_EQ(find({"all"}, place).entries.size(), 1u);
  EXPECT_EQ(find({to_text(ids_[0]), to_text(ids_[1])}, place).entries.size(), 1u);
  leaves_out_new_ = false;
  EXPECT_EQ(find({"all"}, place).entries.size(), 2u);
}

TEST_F(QueueListingTest, RefusesPlacesThatAreNotOurs) {
  EXPECT_EQ(parse_queue_place(""), QueuePlace{});
  EXPECT_TRUE(parse_queue_place("1.2.0000000000000003.4.5.6"));
  for (const std::string_view wrong :
       {"1", "1.2.3.4.5.6", "1.2.0000000000000003.4.5", "1.2.0000000000000003.4.5.6.7",
        "-1.2.0000000000000003.4.5.6", ".....", "x"})
    EXPECT_FALSE(parse_queue_place(wrong)) << wrong;
}

TEST_F(QueueListingTest, AHundredThousandMessagesStopNoTurn) {
  constexpr std::uint64_t count = 100'000;
  enter(count);
  std::uint64_t turns = 0;
  rig_.core->at_turn_end([&] { ++turns; });
  EXPECT_EQ(find({"held"}).entries.size(), 0u);
  EXPECT_GE(turns, count / 2'048);
  std::set<QueueId> seen;
  std::optional<QueuePlace> place = QueuePlace{};
  std::size_t pages = 0;
  for (; place; ++pages) {
    const QueuePart part = find({"older", "50s"}, *place);
    for (const QueueEntry& entry : part.entries) EXPECT_TRUE(seen.insert(entry.id).second);
    place = part.next;
  }
  EXPECT_GE(seen.size(), count / 2) << "more when this has taken seconds";
  EXPECT_GE(pages, count / 2 / 1'000);
}

}  // namespace
}  // namespace ringpost::mta
