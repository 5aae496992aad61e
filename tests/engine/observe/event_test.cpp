// The closed set of events: names are unique and every field appears once.
#include "engine/observe/event.h"

#include <set>
#include <string>

#include <gtest/gtest.h>

namespace ringpost::observe {
namespace {

template <class E>
std::string print(const E& event) {
  LogLine line({0}, 0, E::name);
  event.fields(line);
  return std::string(line.finish());
}

template <class... Events>
void check_all(EventList<Events...>) {
  std::set<std::string_view> names;
  (names.insert(Events::name), ...);
  EXPECT_EQ(names.size(), sizeof...(Events)) << "two events share a name";
  std::set<std::string> fields;
  const auto check_fields = [&](auto event) {
    fields.clear();
    event.fields([&](std::string_view name, const auto&) {
      EXPECT_TRUE(fields.insert(std::string(name)).second) << event.name << ' ' << name;
      EXPECT_TRUE(name != "time" && name != "core" && name != "event" && name != "cut");
    });
    EXPECT_TRUE(print(event).contains(" event=" + std::string(event.name)));
  };
  (check_fields(Events{}), ...);
}

TEST(Event, EveryNameIsUniqueAndSoIsEveryFieldInIt) { check_all(AllEvents{}); }

TEST(Event, TheThreeMainLinesReadAsDocumented) {
  EXPECT_EQ(print(MessageAccepted{.id = QueueId{1},
                                  .session = SessionId{2},
                                  .client = "192.0.2.1",
                                  .helo = "mx.example.test",
                                  .from = "",
                                  .recipients = 2,
                                  .octets = 4096,
                                  .elapsed = milliseconds(3)}),
            "time=1970-01-01T00:00:00.000000Z core=0 event=message.accepted id=0000000000000001 "
            "session=0000000000000002 client=192.0.2.1 helo=mx.example.test from=\"\" recipients=2 "
            "octets=4096 elapsed=0.003\n");
  EXPECT_EQ(print(AttemptFinished{.id = QueueId{1},
                                  .recipient = 1,
                                  .to = "alice@example.test",
                                  .action = "local",
                                  .result = AttemptResult::Delayed,
                                  .status = "4.3.0",
                                  .detail = "open: Permission denied",
                                  .attempt = 2,
                                  .elapsed = milliseconds(1),
                                  .delay = seconds(10)}),
            "time=1970-01-01T00:00:00.000000Z core=0 event=attempt.finished id=0000000000000001 "
            "recipient=1 to=alice@example.test action=local result=delayed status=4.3.0 "
            "detail=\"open: Permission denied\" attempt=2 elapsed=0.001 delay=10.000\n");
  EXPECT_EQ(print(SessionClosed{.session = SessionId{2},
                                .client = "192.0.2.1",
                                .rdns = "mail.example",
                                .fcrdns = "yes",
                                .helo = "x",
                                .reason = CloseReason::TooManyErrors,
                                .messages = 1,
                                .octets = 5000,
                                .commands = 7,
                                .errors = 3,
                                .elapsed = seconds(1)}),
            "time=1970-01-01T00:00:00.000000Z core=0 event=session.closed "
            "session=0000000000000002 client=192.0.2.1 rdns=mail.example fcrdns=yes helo=x "
            "reason=too-many-errors messages=1 octets=5000 commands=7 errors=3 elapsed=1.000\n");
  EXPECT_TRUE(print(SessionClosed{.tls = "TLSv1.3", .cipher = "TLS_X", .resumed = true})
                  .contains(" tls=TLSv1.3 cipher=TLS_X resumed=true reason="));
}

}  // namespace
}  // namespace ringpost::observe
