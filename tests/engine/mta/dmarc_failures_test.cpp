// What waits for the reporter: how much of it, and how much of one domain.
#include "engine/mta/dmarc_failures.h"

#include <gtest/gtest.h>
#include <poll.h>

namespace ringpost::mta {
namespace {

bool is_readable(int file) {
  pollfd one{file, POLLIN, 0};
  return poll(&one, 1, 0) == 1;
}

TEST(DmarcFailures, GivesWhatWasPutOnce) {
  DmarcFailures failures;
  EXPECT_FALSE(is_readable(failures.file()));
  failures.put({.domain = "a.test"});
  failures.put({.domain = "b.test"});
  EXPECT_TRUE(is_readable(failures.file()));
  const auto notes = failures.take();
  ASSERT_EQ(notes.size(), 2u);
  EXPECT_EQ(notes[1].domain, "b.test");
  EXPECT_FALSE(is_readable(failures.file()));
  EXPECT_TRUE(failures.take().empty());
}

TEST(DmarcFailures, ADomainHasATenthOfAnHour) {
  DmarcFailures failures;
  Instant now{1};
  EXPECT_TRUE(failures.admit("a.test", 20, now));
  EXPECT_TRUE(failures.admit("a.test", 20, now));
  EXPECT_FALSE(failures.admit("a.test", 20, now));
  EXPECT_TRUE(failures.admit("b.test", 20, now));
  now = now + seconds(3600);
  EXPECT_TRUE(failures.admit("a.test", 20, now)) << "another hour";
}

TEST(DmarcFailures, AllHaveALimitToo) {
  DmarcFailures failures;
  EXPECT_TRUE(failures.admit("a.test", 2, Instant{1}));
  EXPECT_FALSE(failures.admit("a.test", 2, Instant{1})) << "one at least for each, and no more";
  EXPECT_TRUE(failures.admit("b.test", 2, Instant{1}));
  EXPECT_FALSE(failures.admit("c.test", 2, Instant{1}));
}

TEST(DmarcFailures, NoMoreWaitThanHaveRoom) {
  DmarcFailures failures;
  for (int i = 0; i < 256; ++i) failures.put({});
  EXPECT_FALSE(failures.admit("a.test", 1000, Instant{1}));
  failures.take();
  EXPECT_TRUE(failures.admit("a.test", 1000, Instant{1}));
}

}  // namespace
}  // namespace ringpost::mta
