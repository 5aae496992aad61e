// The handshake: what a process is told, what it may register for, and what ends it.
#include "proto/filter/registration.h"

#include <gtest/gtest.h>

#include "tests/proto/filter/transcript.h"

// Where the transcripts are: RINGPOST_SOURCE_DIR.

namespace ringpost::filter {
namespace {

Registration registered(const std::string& name) {
  Registration registration;
  for (const std::string& line : lines_of(name, "F>S ")) {
    const auto taken = registration.take(line);
    EXPECT_TRUE(taken) << taken.error();
    if (registration.ready()) break;
  }
  EXPECT_TRUE(registration.ready());
  return registration;
}

TEST(FilterRegistration, Handshake) {
  std::string out;
  append_handshake(out, {.session_timeout = seconds(300),
                         .smtp_in = true,
                         .smtp_out = false,
                         .admd = "mx.example\norg"});
  EXPECT_EQ(out,
            "config|smtpd-version|7.8.0\nconfig|protocol|0.6\nconfig|smtp-session-timeout|300\n"
            "config|subsystem|smtp-in\nconfig|admd|mx.example?org\nconfig|ready\n");
  out.clear();
  append_handshake(out, {.smtp_in = true, .smtp_out = true, .admd = "a"});
  EXPECT_NE(out.find("config|subsystem|smtp-in\nconfig|subsystem|smtp-out\n"), std::string::npos);
}

TEST(FilterRegistration, OfFiltersThatExist) {
  const Interest all = registered("smtpd-7.4.0p1-in").interest();
  for (std::size_t i = 0; i < report_events_of_everybody; ++i) {
    EXPECT_TRUE(all.wants(Subsystem::SmtpIn, static_cast<ReportEvent>(i)));
    EXPECT_FALSE(all.wants(Subsystem::SmtpOut, static_cast<ReportEvent>(i)));
  }
  for (std::size_t i = 0; i < phases; ++i) EXPECT_TRUE(all.decides(static_cast<Phase>(i)));

  const Interest out = registered("smtpd-7.4.0p1-out").interest();
  EXPECT_TRUE(out.wants(Subsystem::SmtpOut, ReportEvent::TxCommit));
  EXPECT_TRUE(out.reports_in.empty() && out.decisions.empty());

  const Interest rspamd = registered("filter-rspamd").interest();
  EXPECT_TRUE(rspamd.decides(Phase::DataLine));
  EXPECT_TRUE(rspamd.decides(Phase::Commit));
  EXPECT_FALSE(rspamd.decides(Phase::Connect));
  EXPECT_TRUE(rspamd.wants(Subsystem::SmtpIn, ReportEvent::TxMail));
  EXPECT_FALSE(rspamd.wants(Subsystem::SmtpIn, ReportEvent::TxData));

  EXPECT_TRUE(registered("filter-senderscore").interest().decides(Phase::Connect));
  EXPECT_TRUE(registered("filter-dkimsign").interest().decides(Phase::DataLine));
}

TEST(FilterRegistration, Everything) {
  Registration registration;
  EXPECT_TRUE(registration.take("register|report|smtp-out|*"));
  EXPECT_TRUE(registration.take("register|filter|smtp-in|*"));
  EXPECT_FALSE(registration.ready());
  EXPECT_TRUE(registration.take("register|ready"));
  EXPECT_TRUE(registration.ready());
  EXPECT_TRUE(registration.interest().wants(Subsystem::SmtpOut, ReportEvent::Timeout));
  EXPECT_FALSE(registration.interest().wants(Subsystem::SmtpIn, ReportEvent::Timeout));
  EXPECT_TRUE(registration.interest().decides(Phase::Wiz));
}

TEST(FilterRegistration, ResultsOnlyByTheirName) {
  Registration registration;
  EXPECT_TRUE(registration.take("register|report|smtp-in|*"));
  EXPECT_FALSE(registration.interest().wants(Subsystem::SmtpIn, ReportEvent::TxResults));
  EXPECT_TRUE(registration.take("register|report|smtp-in|tx-results"));
  EXPECT_TRUE(registration.interest().wants(Subsystem::SmtpIn, ReportEvent::TxResults));
  EXPECT_FALSE(registration.take("register|report|smtp-out|tx-results"));
}

TEST(FilterRegistration, NothingAtAll) {
  Registration registration;
  EXPECT_TRUE(registration.take("register|ready"));
  EXPECT_EQ(registration.interest(), Interest{});
}

TEST(FilterRegistration, ErrorsQuoteTheLine) {
  for (const char* line :
       {"", "register", "register|", "register|ready|", "register|report",
        "register|report|smtp-in", "register|report|smtp-in|", "register|report|smtp-in|nonsense",
        "register|report|smtp|link-connect", "register|filter|smtp-out|connect",
        "register|filter|smtp-in|nonsense", "register|report|smtp-in|link-connect|x",
        "register|stats|x", "filter-result|1|2|proceed", "hello"}) {
    const auto taken = Registration().take(line);
    ASSERT_FALSE(taken) << line;
    EXPECT_NE(taken.error().find('"' + std::string(line) + '"'), std::string::npos);
  }
}

TEST(FilterVocabulary, WordsThereAndBack) {
  for (std::size_t i = 0; i < report_events; ++i) {
    const auto event = static_cast<ReportEvent>(i);
    EXPECT_EQ(report_event_of(word_of(event)), event);
  }
  for (std::size_t i = 0; i < phases; ++i) {
    const auto phase = static_cast<Phase>(i);
    EXPECT_EQ(phase_of(word_of(phase)), phase);
  }
  EXPECT_EQ(response_word_of(Phase::Connect), "connected");
  EXPECT_EQ(response_word_of(Phase::Starttls), "tls");
  EXPECT_EQ(response_word_of(Phase::MailFrom), "mail-from");
  EXPECT_EQ(subsystem_of("smtp-out"), Subsystem::SmtpOut);
  EXPECT_FALSE(subsystem_of("smtp"));
}

}  // namespace
}  // namespace ringpost::filter
