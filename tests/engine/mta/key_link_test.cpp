// A core and a real key process: many requests at once, one that ends in between, one that hangs,
// and requests that nobody waits for any more.
#include "engine/mta/key_link.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <optional>

#include "engine/process/key_frame.h"
#include "tests/engine/process/key_fixture.h"
#include "tests/engine/process/parent_fixture.h"
#include "tests/engine/support.h"

namespace ringpost::mta {
namespace {

struct Job final : tls::SignJob {
  void signature_ready(std::expected<std::vector<std::byte>, Fault> signature) override {
    answer = std::move(signature);
    if (then) then();
  }
  int error() const { return answer && !*answer ? answer->error().code : 0; }
  std::optional<std::expected<std::vector<std::byte>, Fault>> answer;
  std::function<void()> then;
};

class KeyLinkTest : public testing::Test {
 protected:
  void SetUp() override {
    const auto loaded = parent_.link->load_key(path_);
    ASSERT_TRUE(loaded) << loaded.error();
    key_ = loaded->name;
    core_ = test::make_core();
    link_.emplace(*core_, parent_.link.get(), seconds(5));
    use(*link_);
  }
  ~KeyLinkTest() override { end(*link_); }
  void use(KeyLink& link) {
    links_.push_back(&link);
    core_->at_turn_end([this, at = links_.size() - 1] {
      if (links_[at] != nullptr) links_[at]->end_of_turn();
    });
  }
  void end(KeyLink& link) {
    link.close();
    EXPECT_TRUE(test::run_until(*core_, [&] { return link.is_closed(); }));
    std::ranges::replace(links_, &link, nullptr);
  }
  bool answered(const Job& job) {
    return test::run_until(*core_, [&] { return job.answer.has_value(); });
  }
  bool is_good(const Job& job, std::string_view input) const {
    return job.answer && *job.answer &&
           test::verifies(made_.get(), EVP_sha256(), false, input, text_of(**job.answer));
  }
  void sign(Job& job, std::string_view input) { link_->sign(job, key_, 0x0403, bytes_of(input)); }

  test::TemporaryDirectory folder_;
  test::ParentProcess parent_{
      {.keys_user = "nobody", .keys = {folder_.file("key")}, .files = {}, .programs = {}}};
  bssl::UniquePtr<EVP_PKEY> made_ = test::new_ec_key();
  std::string path_ = test::write_key(folder_.file("key"), test::pem_of(made_.get()));
  tls::KeyName key_{};
  std::unique_ptr<ring::Core> core_;
  std::vector<KeyLink*> links_;
  std::optional<KeyLink> link_;
};

TEST_F(KeyLinkTest, ManyAtOnce) {
  std::vector<Job> jobs(200);
  for (std::size_t i = 0; i < jobs.size(); ++i) sign(jobs[i], std::to_string(i));
  for (const Job& job : jobs) EXPECT_FALSE(job.answer);  // never from inside
  EXPECT_TRUE(test::run_until(*core_, [&] { return link_->under_way() == 0; }));
  for (std::size_t i = 0; i < jobs.size(); ++i) EXPECT_TRUE(is_good(jobs[i], std::to_string(i)));
}

TEST_F(KeyLinkTest, TheNextFromInsideAnAnswer) {
  Job first;
  Job second;
  first.then = [&] { sign(second, "second"); };
  sign(first, "first");
  ASSERT_TRUE(answered(second));
  EXPECT_TRUE(is_good(second, "second"));
}

TEST_F(KeyLinkTest, WhatCannotBeSigned) {
  Job unknown;
  Job unfit;
  Job huge;
  link_->sign(unknown, tls::KeyName{}, 0x0403, bytes_of("x"));
  link_->sign(unfit, key_, 0x0804, bytes_of("x"));
  const std::string octets(process::sign_input_octets_max + 1, 'x');
  sign(huge, octets);
  ASSERT_TRUE(answered(unknown) && answered(unfit) && answered(huge));
  EXPECT_EQ(unknown.error(), ENOKEY);
  EXPECT_EQ(unfit.error(), EINVAL);
  EXPECT_EQ(huge.error(), EMSGSIZE);
}

TEST_F(KeyLinkTest, NobodyWaitsAnyMore) {
  Job gone;
  Job stays;
  sign(gone, "gone");
  sign(stays, "stays");
  link_->forget(gone);
  link_->forget(gone);
  ASSERT_TRUE(answered(stays));
  EXPECT_FALSE(gone.answer);
  sign(gone, "again");
  ASSERT_TRUE(answered(gone));
  EXPECT_TRUE(is_good(gone, "again"));
}

TEST_F(KeyLinkTest, AKeyProcessThatEndsIsAskedAgain) {
  Job before;
  sign(before, "before");
  ASSERT_TRUE(answered(before));
  const pid_t keys = test::session_of_child(parent_.pid());
  ASSERT_GT(keys, 0);
  kill(keys, SIGSTOP);
  std::vector<Job> jobs(20);
  for (Job& job : jobs) sign(job, "meanwhile");
  test::run_until(*core_, [] { return false; }, milliseconds(100));
  kill(keys, SIGKILL);
  for (const Job& job : jobs) {
    ASSERT_TRUE(answered(job));
    EXPECT_TRUE(is_good(job, "meanwhile"));
  }
}

TEST_F(KeyLinkTest, AKeyProcessThatHangs) {
  KeyLink link(*core_, parent_.link.get(), milliseconds(200));
  use(link);
  const pid_t keys = test::session_of_child(parent_.pid());
  kill(keys, SIGSTOP);
  Job job;
  link.sign(job, key_, 0x0403, bytes_of("x"));
  EXPECT_TRUE(answered(job));
  EXPECT_EQ(job.error(), ETIMEDOUT);
  kill(keys, SIGCONT);
  Job next;
  link.sign(next, key_, 0x0403, bytes_of("next"));
  EXPECT_TRUE(answered(next));
  EXPECT_TRUE(is_good(next, "next"));
  end(link);
}

TEST_F(KeyLinkTest, WithoutAParent) {
  KeyLink link(*core_, nullptr);
  Job job;
  link.sign(job, key_, 0x0403, bytes_of("x"));
  EXPECT_TRUE(answered(job));
  EXPECT_EQ(job.error(), ENOTSUP);
  end(link);
}

}  // namespace
}  // namespace ringpost::mta
