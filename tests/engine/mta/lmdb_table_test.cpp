// Tables in LMDB files: exact keys and wildcards, a file that is not there, is none, or changes
// while it is used.
#include "engine/mta/lmdb_table.h"

#include <fstream>
#include <map>

#include <gtest/gtest.h>
#include <lmdb.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/engine/mta/rig.h"

namespace ringpost::mta {
namespace {

using conf::AnswerState;
using conf::TableService;

void fill(const std::string& path, const std::map<std::string, std::string>& rows,
          unsigned flags = MDB_NOSUBDIR) {
  MDB_env* environment = nullptr;
  ASSERT_EQ(mdb_env_create(&environment), 0);
  ASSERT_EQ(mdb_env_open(environment, path.c_str(), flags, 0600), 0);
  MDB_txn* transaction = nullptr;
  ASSERT_EQ(mdb_txn_begin(environment, nullptr, 0, &transaction), 0);
  MDB_dbi database = 0;
  ASSERT_EQ(mdb_dbi_open(transaction, nullptr, 0, &database), 0);
  for (const auto& [key, value] : rows) {
    MDB_val k{.mv_size = key.size(), .mv_data = const_cast<char*>(key.data())};
    MDB_val v{.mv_size = value.size(), .mv_data = const_cast<char*>(value.data())};
    ASSERT_EQ(mdb_put(transaction, database, &k, &v, 0), 0);
  }
  ASSERT_EQ(mdb_txn_commit(transaction), 0);
  mdb_env_close(environment);
}

struct NotedEnquiry : TableEnquiry {
  NotedEnquiry(ring::Core& to, TableService service, std::string key)
      : TableEnquiry(&NotedEnquiry::arrived, to, {nullptr, service, std::move(key)}, '+', never) {}
  static void arrived(ring::Message& message) { static_cast<NotedEnquiry&>(message).back = true; }
  bool back = false;
};

class LmdbTableTest : public testing::Test {
 protected:
  bool open(const std::string& path) {
    auto opened = LmdbTable::open(path);
    if (!opened) return false;
    table_ = std::move(*opened);
    return true;
  }
  conf::Answer ask(TableService service, const std::string& key) {
    NotedEnquiry enquiry(*core_, service, key);
    table_->ask(enquiry);
    EXPECT_TRUE(test::run_until(*core_, [&] { return enquiry.back; }));
    table_->settle();
    return enquiry.answer;
  }

  test::TemporaryDirectory folder_;
  std::unique_ptr<ring::Core> core_ = test::make_core();
  std::unique_ptr<LmdbTable> table_;
  std::string path_ = folder_.file("table.mdb");
};

TEST_F(LmdbTableTest, ExactKeysAndWildcards) {
  fill(path_, {{"alice@example.org", "alice"},
               {"*.example.net", "x"},
               {"@example.com", "y"},
               {"10.0.0.0/8", "z"}});
  ASSERT_TRUE(open(path_));
  const conf::Answer alice = ask(TableService::Alias, "alice@example.org");
  EXPECT_EQ(alice.state, AnswerState::Found);
  EXPECT_EQ(alice.text, "alice");
  EXPECT_EQ(ask(TableService::Alias, "bob@example.org").state, AnswerState::NotFound);
  EXPECT_EQ(ask(TableService::Alias, "").state, AnswerState::NotFound);
  EXPECT_EQ(ask(TableService::Alias, std::string(600, 'x')).state, AnswerState::NotFound);
  EXPECT_EQ(ask(TableService::Domain, "mx.a.example.net").state, AnswerState::Found);
  EXPECT_EQ(ask(TableService::Domain, "example.net").state, AnswerState::NotFound);
  EXPECT_EQ(ask(TableService::MailAddress, "u@example.com").state, AnswerState::Found);
  EXPECT_EQ(ask(TableService::MailAddress, "alice+tag@example.org").state, AnswerState::Found);
  EXPECT_EQ(ask(TableService::NetAddress, "10.1.2.3").state, AnswerState::Found);
  EXPECT_EQ(ask(TableService::NetAddress, "11.1.2.3").state, AnswerState::NotFound);
}

TEST_F(LmdbTableTest, AFolderToo) {
  ASSERT_EQ(mkdir(folder_.file("env").c_str(), 0700), 0);
  fill(folder_.file("env"), {{"a", "b"}}, 0);
  ASSERT_TRUE(open(folder_.file("env")));
  EXPECT_EQ(ask(TableService::Alias, "a").text, "b");
}

TEST_F(LmdbTableTest, EveryQuestionSeesTheFileAsItIs) {
  fill(path_, {{"a", "old"}});
  ASSERT_TRUE(open(path_));
  EXPECT_EQ(ask(TableService::Alias, "a").text, "old");
  // By another process, as LMDB demands.
  const pid_t writer = fork();
  if (writer == 0) {
    fill(path_, {{"a", "new"}});
    _exit(HasFailure() ? 1 : 0);
  }
  int status = 0;
  ASSERT_EQ(waitpid(writer, &status, 0), writer);
  ASSERT_EQ(status, 0);
  EXPECT_EQ(ask(TableService::Alias, "a").text, "new");
}

TEST_F(LmdbTableTest, WhatCannotBeOpened) {
  const auto missing = LmdbTable::open(path_);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ENOENT);
  std::ofstream(path_) << std::string(10'000, 'x');
  const auto damaged = LmdbTable::open(path_);
  ASSERT_FALSE(damaged);
  EXPECT_EQ(damaged.error().code, EBADMSG);
}

}  // namespace
}  // namespace ringpost::mta
