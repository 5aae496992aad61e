// Questions on their way: answers reach who asked, nobody who has gone, and failures say what was
// asked; users of every kind of userbase.
#include "engine/mta/enquiries.h"

#include <memory>
#include <vector>

#include <gtest/gtest.h>

#include "engine/mta/lookups.h"
#include "engine/mta/table_source.h"
#include "tests/engine/mta/rig.h"

namespace ringpost::mta {
namespace {

using conf::AnswerState;

// Answers when it is told to.
class HeldSource final : public TableSource {
 public:
  void ask(TableEnquiry& enquiry) override { held.push_back(&enquiry); }
  std::optional<std::string> update() override { return std::nullopt; }
  void settle() override {}
  void answer(conf::Answer with) {
    TableEnquiry* const first = held.front();
    held.erase(held.begin());
    first->answer = std::move(with);
    give_back(*first);
  }
  std::vector<TableEnquiry*> held;
};

struct NotedAsker final : EnquiryAsker {
  void answered(conf::Answer given) override { answers.push_back(std::move(given)); }
  std::vector<conf::Answer> answers;
};

class EnquiriesTest : public testing::Test {
 protected:
  EnquiriesTest() {
    auto made = std::make_shared<Generation>();
    made->config.tables.push_back(std::make_unique<const conf::Table>(
        conf::Table::external("people", conf::TableBackend::Proc, "/p")));
    made->sources.emplace(made->config.tables[0].get(), source_);
    generation_ = made;
    rig_.parts.generation = made;
  }
  const conf::Table* table() const { return generation_->config.tables[0].get(); }
  conf::Question question(std::string key) const {
    return conf::TableQuestion{table(), conf::TableService::Alias, std::move(key)};
  }
  bool settled() {
    return rig_.run([this] { return rig_.enquiries.idle(); });
  }

  test::TemporaryDirectory folder_;
  test::SpoolRig rig_{folder_.path()};
  std::shared_ptr<HeldSource> source_ = std::make_shared<HeldSource>();
  std::shared_ptr<const Generation> generation_;
};

TEST_F(EnquiriesTest, AnswersReachWhoAsked) {
  NotedAsker first;
  NotedAsker second;
  rig_.enquiries.ask(question("a"), generation_, first);
  rig_.enquiries.ask(question("b"), generation_, second);
  EXPECT_TRUE(first.answers.empty());
  ASSERT_EQ(source_->held.size(), 2u);
  EXPECT_EQ(source_->held[1]->key, "b");
  source_->answer({.state = AnswerState::Found, .text = "one"});
  source_->answer(failure("no shelf"));
  ASSERT_TRUE(settled());
  ASSERT_EQ(first.answers.size(), 1u);
  EXPECT_EQ(first.answers[0].text, "one");
  ASSERT_EQ(second.answers.size(), 1u);
  EXPECT_EQ(second.answers[0].state, AnswerState::TemporaryFailure);
  EXPECT_EQ(second.answers[0].text, describe(question("b")) + ": no shelf");
  EXPECT_EQ(rig_.metrics.lookup.asked.value(), 2u);
  EXPECT_EQ(rig_.metrics.lookup.failed.value(), 1u);
}

TEST_F(EnquiriesTest, WhoHasGoneIsNotAnswered) {
  auto asker = std::make_unique<NotedAsker>();
  rig_.enquiries.ask(question("a"), generation_, *asker);
  rig_.enquiries.forget(*asker);
  rig_.enquiries.forget(*asker);
  asker.reset();
  EXPECT_FALSE(rig_.enquiries.idle());  // what was asked is still at work
  source_->answer({.state = AnswerState::Found, .text = "late"});
  EXPECT_TRUE(settled());
}

// The source stays until its last question has come back, whatever happens to its generation.
TEST_F(EnquiriesTest, AQuestionKeepsItsGeneration) {
  NotedAsker asker;
  const std::weak_ptr<const Generation> kept = generation_;
  rig_.enquiries.ask(question("a"), generation_, asker);
  generation_.reset();
  rig_.parts.generation = std::make_shared<Generation>();
  EXPECT_FALSE(kept.expired());
  source_->answer({.state = AnswerState::NotFound});
  EXPECT_TRUE(settled());
  EXPECT_TRUE(kept.expired());
}

TEST_F(EnquiriesTest, UsersOfATable) {
  const auto find = [this](const conf::Table* userbase, const std::string& name) {
    return rig_.enquiries.find_user(userbase, name, generation_);
  };
  std::optional<conf::Answer> answer;
  ring::Scope scope;
  const auto ask = [&](const std::string& value) {
    answer.reset();
    ring::Task<void>::spawn(scope, test::keep_result(find(table(), "alice"), answer));
    source_->answer({.state = AnswerState::Found, .text = value});
    EXPECT_TRUE(rig_.run([&] { return scope.idle(); }));
    return *answer;
  };
  EXPECT_EQ(ask("7:8:/home/alice").user, (conf::UserInfo{"alice", 7, 8, "/home/alice"}));
  EXPECT_EQ(ask("nonsense").state, AnswerState::TemporaryFailure);
  const conf::TableRow row{.key = "bob", .value = "1:2:/home/bob"};
  const conf::Table in_memory("t", conf::TableKind::Map, std::span(&row, 1));
  EXPECT_EQ(test::result_of(*rig_.core, find(&in_memory, "bob"))->user.uid, 1u);
  EXPECT_EQ(test::result_of(*rig_.core, find(&in_memory, "x"))->state, AnswerState::NotFound);
  EXPECT_EQ(test::result_of(*rig_.core, find(nullptr, "root"))->user.uid, 0u);
  const conf::Table foreign = conf::Table::external("gone", conf::TableBackend::Proc, "/p");
  EXPECT_EQ(test::result_of(*rig_.core, find(&foreign, "x"))->state, AnswerState::TemporaryFailure);
}

TEST_F(EnquiriesTest, AMemoRemembers) {
  LookupMemo memo(rig_.parts, *generation_);
  EXPECT_EQ(memo.ask(question("a")).state, AnswerState::Later);
  memo.remember(question("a"), {.state = AnswerState::Found, .text = "x"});
  EXPECT_EQ(memo.ask(question("a")).text, "x");
  EXPECT_EQ(memo.ask(question("b")).state, AnswerState::Later);
  EXPECT_FALSE(memo.matches_regex(*table(), "anything"));
}

}  // namespace
}  // namespace ringpost::mta
