// Maildir names.
#include "store/maildir/name.h"

#include <gtest/gtest.h>

namespace ringpost::store {
namespace {

TEST(MaildirName, NamesTimeProcessMessageAndRecipient) {
  const MaildirDelivery delivery{.now = WallTime{1'700'000'000'000'012},
                                 .process = 4711,
                                 .id = QueueId{0x0100'1234'5678'9abcULL},
                                 .recipient = 2};
  EXPECT_EQ(maildir_name(delivery, "mx.example.org"),
            "1700000000.M12P4711Q0100123456789abc_2.mx.example.org");
}

TEST(MaildirName, KeepsSeparatorsOutOfTheHost) {
  EXPECT_EQ(maildir_name({}, "a/b:c"), "0.M0P0Q0000000000000000_0.a\\057b\\072c");
}

TEST(MaildirSteps, SyncTheFileBeforeTheRenameAndTheDirectoryAfter) {
  const auto place = [](MaildirStep step) {
    return std::ranges::find(maildir_steps, step) - maildir_steps.begin();
  };
  EXPECT_LT(place(MaildirStep::Write), place(MaildirStep::SyncFile));
  EXPECT_LT(place(MaildirStep::SyncFile), place(MaildirStep::RenameIntoNew));
  EXPECT_LT(place(MaildirStep::RenameIntoNew), place(MaildirStep::SyncNew));
}

}  // namespace
}  // namespace ringpost::store
