// Filter processes as real programs: every answer, content both ways, and programs that die, hang,
// flood, lie and cannot be started. Whoever asks gets an answer, and sessions of other processes
// notice nothing.
#include "engine/mta/filter_processes.h"

#include "engine/mta/filter_post.h"
#include "tests/engine/mta/filter_rig.h"

namespace ringpost::mta {
namespace {

using Kind = FilterAnswer::Kind;

class FilterProcessesTest : public testing::Test {
 protected:
  test::FilterRig rig_;
};

TEST_F(FilterProcessesTest, EveryAnswer) {
  rig_.use({rig_.obedient()});
  const auto session = rig_.session();
  EXPECT_TRUE(session->binding.wants(filter::Subsystem::SmtpIn, filter::ReportEvent::TxMail));
  EXPECT_TRUE(session->binding.decides(filter::Phase::Connect));
  EXPECT_FALSE(session->binding.lost());
  EXPECT_EQ(rig_.answer(*session, "proceed").kind, Kind::Proceed);
  EXPECT_EQ(rig_.answer(*session, "junk").kind, Kind::Junk);
  FilterAnswer answer = rig_.answer(*session, "reject/550 no/way");
  EXPECT_EQ(answer.kind, Kind::Reject);
  EXPECT_EQ(answer.text, "550 no|way");
  answer = rig_.answer(*session, "disconnect/421 go");
  EXPECT_EQ(answer.kind, Kind::Disconnect);
  EXPECT_EQ(answer.text, "421 go");
  answer = rig_.answer(*session, "rewrite/other");
  EXPECT_EQ(answer.kind, Kind::Rewrite);
  EXPECT_EQ(answer.text, "other");
  answer = rig_.answer(*session, "report/seen");
  EXPECT_EQ(answer.kind, Kind::Report);
  EXPECT_EQ(answer.text, "seen");
  EXPECT_EQ(rig_.figure("ringpost_filter_questions_total"), 6u);
  EXPECT_EQ(rig_.figure("ringpost_filter_answers_total", "kind=\"reject\""), 1u);
  EXPECT_EQ(rig_.figure("ringpost_filter_answer_microseconds_count"), 6u);
  EXPECT_EQ(rig_.figure("ringpost_filter_ready"), 1u);
  EXPECT_EQ(rig_.figure("ringpost_filter_deaths_total"), 0u);
}

TEST_F(FilterProcessesTest, HandshakeReportsAndQuestionsArriveAsTheyWere) {
  rig_.use({rig_.obedient()});
  const auto session = rig_.session();
  std::string line;
  filter::append_report(line, {filter::Subsystem::SmtpIn, {5}, session->id.value},
                        filter::ReportEvent::LinkGreeting, {"mx.example.org"});
  rig_.filters.report(session->binding, line);
  rig_.answer(*session, "proceed");
  const std::string lines = rig_.lines();
  EXPECT_NE(lines.find("config|smtp-session-timeout|300\nconfig|subsystem|smtp-in\n"
                       "config|admd|mx.example.org\nconfig|ready\n" +
                       line + "filter|0.6|"),
            std::string::npos)
      << lines;
  EXPECT_NE(lines.find("|smtp-in|connect|0000000000000001|"), std::string::npos);
  EXPECT_EQ(rig_.figure("ringpost_filter_reports_total"), 1u);
}

TEST_F(FilterProcessesTest, ContentGoesOutAndComesBack) {
  rig_.use({rig_.obedient()});
  const auto session = rig_.session();
  rig_.filters.ask_lines(session->binding, session->id, *session);
  EXPECT_TRUE(rig_.filters.lines(*session, "Subject: a\r\n\r\n.dot\r\nXYZ\r"));
  EXPECT_TRUE(rig_.filters.lines(*session, "\n..\r\nend\r\n"));
  EXPECT_TRUE(session->pending());
  EXPECT_TRUE(rig_.filters.end_lines(*session));
  EXPECT_TRUE(rig_.until([&] { return !session->answers.empty(); }));
  EXPECT_EQ(session->answers.front().kind, Kind::Proceed);
  EXPECT_EQ(session->given, "Subject: a\r\n\r\n.dot\r\nxXYZ\r\n..\r\nend\r\n");
  EXPECT_FALSE(session->pending());
}

TEST_F(FilterProcessesTest, MuchContentInPiecesWithBackPressure) {
  rig_.use({rig_.obedient()});
  const auto session = rig_.session();
  std::string content;
  for (int i = 0; i < 200'000; ++i) content += "line " + std::to_string(i) + "\r\n";
  rig_.filters.ask_lines(session->binding, session->id, *session);
  std::string_view rest = content;
  bool was_full = false;
  EXPECT_TRUE(rig_.until([&] {
    while (!rest.empty() && rig_.filters.has_room(*session)) {
      EXPECT_TRUE(rig_.filters.lines(*session, rest.substr(0, 32'768)));
      rest.remove_prefix(std::min<std::size_t>(rest.size(), 32'768));
      if (rest.empty()) EXPECT_TRUE(rig_.filters.end_lines(*session));
    }
    was_full |= !rest.empty();
    return !session->answers.empty();
  }));
  EXPECT_TRUE(was_full);
  EXPECT_GT(session->rooms, 0u);
  EXPECT_EQ(session->answers.front().kind, Kind::Proceed);
  EXPECT_EQ(session->given, content);
}

TEST_F(FilterProcessesTest, LineThatIsTooLongForFilters) {
  rig_.use({rig_.obedient()});
  const auto session = rig_.session();
  rig_.filters.ask_lines(session->binding, session->id, *session);
  EXPECT_FALSE(rig_.filters.lines(*session, std::string(70'000, 'x')));
  EXPECT_FALSE(session->pending());
  EXPECT_EQ(rig_.answer(*session, "proceed").kind, Kind::Proceed);
}

TEST_F(FilterProcessesTest, DeathUnderQuestions) {
  rig_.use({rig_.obedient()});
  const auto one = rig_.session();
  const auto two = rig_.session();
  rig_.ask(*two, "silent");
  EXPECT_EQ(rig_.answer(*one, "die").kind, Kind::Unavailable);
  EXPECT_TRUE(rig_.until([&] { return !two->answers.empty(); }));
  EXPECT_EQ(two->answers.front().kind, Kind::Unavailable);
  EXPECT_EQ(two->answers.front().text, "the filter process failed: it has ended");
  // Bound to what has died: lost, and asked all the same, so that the session comes to know.
  EXPECT_TRUE(one->binding.lost());
  EXPECT_FALSE(one->binding.wants(filter::Subsystem::SmtpIn, filter::ReportEvent::TxMail));
  EXPECT_TRUE(one->binding.decides(filter::Phase::Commit));
  EXPECT_EQ(rig_.answer(*one, "proceed").kind, Kind::Unavailable);
  // Who comes afterwards has the new one.
  const auto three = rig_.session();
  EXPECT_EQ(rig_.answer(*three, "proceed").kind, Kind::Proceed);
  EXPECT_TRUE(one->binding.lost());
  EXPECT_EQ(rig_.answer(*one, "proceed").kind, Kind::Unavailable);
  EXPECT_EQ(rig_.figure("ringpost_filter_deaths_total"), 1u);
  EXPECT_EQ(rig_.figure("ringpost_filter_starts_total"), 2u);
  EXPECT_TRUE(rig_.log_has("event=filter.ended filter=spam reason=\"it has ended\" pause=0.100"));
}

TEST_F(FilterProcessesTest, KilledAndHalfALine) {
  rig_.use({rig_.obedient()});
  for (const char* wish : {"kill", "half"}) {
    const auto session = rig_.session();
    EXPECT_EQ(rig_.answer(*session, wish).kind, Kind::Unavailable) << wish;
  }
  EXPECT_EQ(rig_.answer(*rig_.session(), "proceed").kind, Kind::Proceed);
}

TEST_F(FilterProcessesTest, LastWordCounts) {
  rig_.use({rig_.obedient()});
  const auto session = rig_.session();
  const FilterAnswer answer = rig_.answer(*session, "last");
  EXPECT_EQ(answer.kind, Kind::Reject);
  EXPECT_EQ(answer.text, "550 last word");
}

TEST_F(FilterProcessesTest, BreaksTheProtocol) {
  rig_.use({rig_.obedient()});
  for (const auto& [wish, reason] :
       {std::pair("garbage", "said what is no answer: \\\"what is this?\\\""),
        {"long", "a line has more than 65535 octets"},
        {"lines", "it gives content that it was not given"},
        {"maybe", "decides what cannot be decided"}}) {
    const auto session = rig_.session();
    EXPECT_EQ(rig_.answer(*session, wish).kind, Kind::Unavailable) << wish;
    EXPECT_TRUE(rig_.log_has(reason)) << wish << rig_.logged();
  }
}

TEST_F(FilterProcessesTest, DecidesWhereContentIsAsked) {
  rig_.use(
      {rig_.scripted("while IFS='|' read -r k v t s p a b rest; do\n"
                     "[ \"$k$v\" = configready ] && echo 'register|filter|smtp-in|data-line' && "
                     "echo 'register|ready'\n"
                     "[ \"$k\" = filter ] && echo \"filter-result|$a|$b|proceed\"\ndone\n")});
  const auto session = rig_.session();
  EXPECT_FALSE(session->binding.decides(filter::Phase::Connect));
  rig_.filters.ask_lines(session->binding, session->id, *session);
  EXPECT_TRUE(rig_.filters.lines(*session, "a\r\n"));
  EXPECT_TRUE(rig_.until([&] { return !session->answers.empty(); }));
  EXPECT_EQ(session->answers.front().kind, Kind::Unavailable);
  EXPECT_TRUE(rig_.log_has("it decides where content is asked for"));
}

TEST_F(FilterProcessesTest, StraysChangeNothing) {
  rig_.use({rig_.obedient()});
  const auto session = rig_.session();
  EXPECT_EQ(rig_.answer(*session, "stray").kind, Kind::Proceed);
  EXPECT_EQ(rig_.figure("ringpost_filter_strays_total"), 2u);
}

TEST_F(FilterProcessesTest, OneQuestionIsLate) {
  rig_.use({rig_.obedient("spam", milliseconds(300))});
  const auto slow = rig_.session();
  const auto quick = rig_.session();
  rig_.ask(*slow, "silent");
  // The others are answered meanwhile, so it does not hang.
  EXPECT_TRUE(rig_.until([&] {
    if (!quick->pending()) rig_.ask(*quick, "proceed");
    return !slow->answers.empty();
  }));
  EXPECT_EQ(slow->answers.front().kind, Kind::Unavailable);
  EXPECT_EQ(slow->answers.front().text, "it has not answered in time");
  EXPECT_TRUE(rig_.until([&] { return !quick->pending(); }));
  EXPECT_EQ(quick->answers.back().kind, Kind::Proceed);
  EXPECT_EQ(rig_.answer(*slow, "proceed").kind, Kind::Proceed);
  EXPECT_EQ(rig_.figure("ringpost_filter_late_total"), 1u);
  EXPECT_EQ(rig_.figure("ringpost_filter_deaths_total"), 0u);
}

TEST_F(FilterProcessesTest, HangsAndIsReplaced) {
  rig_.use({rig_.obedient("spam", milliseconds(300)), rig_.obedient("other")});
  const auto session = rig_.session();
  const auto other = rig_.session(1);
  EXPECT_EQ(rig_.answer(*session, "hang").kind, Kind::Unavailable);
  EXPECT_TRUE(rig_.until([&] { return session->binding.lost(); }));
  EXPECT_EQ(rig_.answer(*other, "proceed").kind, Kind::Proceed);
  EXPECT_FALSE(other->binding.lost());
  EXPECT_EQ(rig_.answer(*rig_.session(), "proceed").kind, Kind::Proceed);
  EXPECT_TRUE(rig_.log_has("it has answered nothing for as long as it may take"));
}

TEST_F(FilterProcessesTest, ReadsNothing) {
  rig_.use({rig_.scripted("echo 'register|report|smtp-in|*'; echo 'register|ready'; sleep 100\n",
                          milliseconds(500)),
            rig_.obedient("other")});
  const auto session = rig_.session();
  const auto other = rig_.session(1);
  const std::string line(60'000, 'x');
  EXPECT_TRUE(rig_.until([&] {
    for (int i = 0; i < 10; ++i) rig_.filters.report(session->binding, line + "\n");
    return session->binding.lost();
  }));
  EXPECT_EQ(rig_.answer(*other, "proceed").kind, Kind::Proceed);
  EXPECT_TRUE(
      rig_.until([&] { return rig_.figure("ringpost_filter_deaths_total", "\"spam\"") > 0; }));
  EXPECT_TRUE(rig_.log_has("it reads nothing for as long as it may take"));
  EXPECT_LE(rig_.figure("ringpost_filter_queue_octets", "\"spam\""), 4 * filter_queue_octets_max);
}

TEST_F(FilterProcessesTest, FloodsUs) {
  rig_.use({rig_.obedient(), rig_.obedient("other")});
  const auto session = rig_.session();
  const auto other = rig_.session(1);
  EXPECT_EQ(rig_.answer(*session, "flood").kind, Kind::Proceed);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(rig_.answer(*other, "proceed").kind, Kind::Proceed);
  EXPECT_GT(rig_.figure("ringpost_filter_strays_total", "\"spam\""), 1000u);
}

TEST_F(FilterProcessesTest, WaitersAreToldWhenItIsReady) {
  rig_.use({rig_.obedient()});
  test::NotedWaiter waiter;
  test::NotedWaiter gone;
  EXPECT_FALSE(rig_.filters.bind(rig_.process()));
  rig_.filters.wait(rig_.process(), waiter);
  rig_.filters.wait(rig_.process(), gone);
  rig_.filters.forget(gone);
  EXPECT_TRUE(rig_.until([&] { return !waiter.told.empty(); }));
  EXPECT_EQ(waiter.told, std::vector{true});
  EXPECT_TRUE(gone.told.empty());
  rig_.filters.wait(rig_.process(), waiter);
  EXPECT_TRUE(rig_.until([&] { return waiter.told.size() == 2; }));
}

TEST_F(FilterProcessesTest, NeverReady) {
  rig_.use({rig_.scripted("sleep 100\n", milliseconds(200))});
  test::NotedWaiter waiter;
  rig_.filters.wait(rig_.process(), waiter);
  EXPECT_TRUE(rig_.until([&] { return !waiter.told.empty(); }));
  EXPECT_EQ(waiter.told, std::vector{false});
}

TEST_F(FilterProcessesTest, CannotRegister) {
  for (const auto& [says, reason] :
       {std::pair("hello", "said something before register|ready: \\\"hello\\\""),
        {"register|report|smtp-in|nonsense",
         "registers for what does not exist: \\\"register|report|smtp-in|nonsense\\\""}}) {
    rig_.use({rig_.scripted("echo '" + std::string(says) + "'; sleep 100\n")});
    EXPECT_TRUE(rig_.until([&] { return rig_.logged().contains(reason); })) << rig_.logged();
    // After a second time nobody is kept waiting.
    test::NotedWaiter waiter;
    rig_.filters.wait(rig_.process(), waiter);
    EXPECT_TRUE(rig_.until([&] { return !waiter.told.empty(); }, seconds(5)));
    EXPECT_EQ(waiter.told, std::vector{false});
  }
}

TEST_F(FilterProcessesTest, CannotBeRun) {
  conf::FilterProcess process = rig_.obedient();
  process.command = "/no/such/filter -v";
  conf::FilterProcess of_nobody = rig_.obedient("other");
  of_nobody.user = "no-such-user";
  conf::FilterProcess of_root = rig_.obedient("third");
  of_root.user = "root";
  rig_.use({process, of_nobody, of_root});
  EXPECT_TRUE(rig_.until([&] {
    const std::string log = rig_.logged();
    return log.contains("/no/such/filter is no program that can be run") &&
           log.contains("no user is called \\\"no-such-user\\\"") && log.contains("as root");
  }));
}

TEST_F(FilterProcessesTest, PausesGrow) {
  rig_.use({rig_.scripted("exit 1\n")});
  EXPECT_TRUE(rig_.until([&] { return rig_.logged().contains("pause=0.400"); }));
  const std::string log = rig_.logged();
  EXPECT_LT(log.find("pause=0.100"), log.find("pause=0.200"));
  EXPECT_LT(log.find("pause=0.200"), log.find("pause=0.400"));
}

TEST_F(FilterProcessesTest, StandardErrorIsLogged) {
  rig_.use({rig_.obedient()});
  const auto session = rig_.session();
  rig_.answer(*session, "talk");
  EXPECT_TRUE(rig_.until([&] {
    return rig_.logged().contains("event=filter.said filter=spam line=one") &&
           rig_.logged().contains("line=two");
  }));
  rig_.answer(*session, "shout");
  EXPECT_TRUE(rig_.until([&] { return rig_.logged().contains("line=\"line 9\""); }));
  EXPECT_FALSE(rig_.logged().contains("line=\"line 500\""));
}

TEST_F(FilterProcessesTest, ForgottenQuestions) {
  rig_.use({rig_.obedient()});
  auto session = rig_.session();
  rig_.ask(*session, "reject/550 x");
  rig_.filters.forget(*session);
  EXPECT_FALSE(session->pending());
  EXPECT_EQ(rig_.answer(*session, "proceed").kind, Kind::Proceed);
  rig_.filters.ask_lines(session->binding, session->id, *session);
  EXPECT_TRUE(rig_.filters.lines(*session, "a\r\nb\r\n"));
  rig_.filters.forget(*session);
  session.reset();
  EXPECT_EQ(rig_.answer(*rig_.session(), "proceed").kind, Kind::Proceed);
}

TEST_F(FilterProcessesTest, SessionsMayEndAndAskFromWithinAnAnswer) {
  rig_.use({rig_.obedient()});
  const auto session = rig_.session();
  auto victim = rig_.session();
  int left = 3;
  session->then = [&] {
    if (victim != nullptr) rig_.filters.forget(*victim);
    victim.reset();
    if (--left > 0) rig_.ask(*session, "die");
  };
  rig_.ask(*session, "die");
  rig_.ask(*victim, "silent");
  EXPECT_TRUE(rig_.until([&] { return left == 0; }));
  EXPECT_EQ(session->answers.size(), 3u);
}

std::size_t pids_in(const std::string& lines) {
  std::size_t count = 0;
  for (std::size_t at = lines.find("pid "); at != lines.npos; at = lines.find("pid ", at + 1))
    ++count;
  return count;
}

TEST_F(FilterProcessesTest, SameProcessGoesOnOverAReload) {
  rig_.use({rig_.obedient()});
  const auto session = rig_.session();
  rig_.use({rig_.obedient("spam", seconds(5))});
  EXPECT_EQ(rig_.answer(*session, "proceed").kind, Kind::Proceed);
  EXPECT_EQ(rig_.answer(*rig_.session(), "proceed").kind, Kind::Proceed);
  EXPECT_EQ(pids_in(rig_.lines()), 1u);
}

TEST_F(FilterProcessesTest, ChangedProcessServesNewSessionsAlone) {
  rig_.use({rig_.obedient()});
  auto old = rig_.session();
  conf::FilterProcess changed = rig_.obedient();
  changed.command += " more";
  rig_.use({changed});
  EXPECT_EQ(rig_.answer(*rig_.session(), "proceed").kind, Kind::Proceed);
  EXPECT_EQ(rig_.answer(*old, "junk").kind, Kind::Junk);
  EXPECT_FALSE(old->binding.lost());
  EXPECT_EQ(rig_.figure("ringpost_filter_starts_total"), 2u);
  old.reset();
  // And back, while the first one ends.
  rig_.use({rig_.obedient()});
  EXPECT_EQ(rig_.answer(*rig_.session(), "proceed").kind, Kind::Proceed);
  EXPECT_EQ(rig_.figure("ringpost_filter_deaths_total"), 0u);
}

TEST_F(FilterProcessesTest, ProcessOfNobodyEnds) {
  rig_.use({rig_.obedient()});
  rig_.session();
  rig_.use({});
  EXPECT_TRUE(rig_.until([&] { return rig_.filters.idle(); }));
  EXPECT_EQ(rig_.figure("ringpost_filter_ready"), 0u);
  EXPECT_EQ(rig_.figure("ringpost_filter_deaths_total"), 0u);
}

TEST_F(FilterProcessesTest, ProcessThatDoesNotWantToEndIsKilled) {
  rig_.use(
      {rig_.scripted("trap '' TERM\necho 'register|ready'\n"
                     "while :; do sleep 1; done\n")});
  rig_.session();
  rig_.use({});
  const Instant began = test::monotonic_now();
  EXPECT_TRUE(rig_.until([&] { return rig_.filters.idle(); }));
  EXPECT_GE(test::monotonic_now() - began, seconds(3));
}

TEST_F(FilterProcessesTest, ThereIsNoSuchProcess) {
  rig_.use({});
  const conf::FilterProcess process = rig_.obedient();
  EXPECT_FALSE(rig_.filters.bind(process));
  test::NotedWaiter waiter;
  rig_.filters.wait(process, waiter);
  EXPECT_TRUE(rig_.until([&] { return !waiter.told.empty(); }));
  EXPECT_EQ(waiter.told, std::vector{false});
}

TEST_F(FilterProcessesTest, OutgoingSessionsHaveNamesOfTheirOwn) {
  const auto one = rig_.filters.new_outgoing_session();
  EXPECT_NE(one, rig_.filters.new_outgoing_session());
  EXPECT_EQ(one.value >> 56, 0u);
  EXPECT_NE(one.value & std::uint64_t{1} << 55, 0u);
}

}  // namespace
}  // namespace ringpost::mta
