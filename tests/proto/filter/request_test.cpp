// The lines that processes are given: octet for octet those that OpenSMTPD 7.4.0p1 has sent, and
// values that try to be more than one field or line.
#include "proto/filter/request.h"

#include <map>
#include <vector>

#include <gtest/gtest.h>

#include "proto/base/ascii.h"
#include "proto/filter/line.h"
#include "tests/proto/filter/transcript.h"

// Where the transcripts are: RINGPOST_SOURCE_DIR.

namespace ringpost::filter {
namespace {

struct Recorded {
  std::string kind;
  WallTime at;
  Subsystem subsystem = Subsystem::SmtpIn;
  std::string what;
  std::uint64_t session = 0;
  std::string rest;
};

// Recorded lines with the version that we speak: it is their only difference to ours, but for the
// order of the fields of link-auth, which this part does not know.
std::vector<std::string> sent_by_upstream(const std::string& transcript) {
  std::vector<std::string> lines = lines_of(transcript, "S>F ");
  for (std::string& line : lines)
    if (const std::size_t at = line.find("|0.7|"); at == 6) line.replace(at, 5, "|0.6|");
  return lines;
}

Recorded taken_apart(std::string_view line) {
  Recorded recorded;
  recorded.kind = take_field(line);
  EXPECT_EQ(take_field(line), "0.6");
  std::string time(take_field(line));
  std::erase(time, '.');
  recorded.at = {ascii::parse_decimal<std::int64_t>(time).value_or(0)};
  recorded.subsystem = subsystem_of(take_field(line)).value_or(Subsystem::SmtpIn);
  recorded.what = take_field(line);
  recorded.session = ascii::parse_decimal<std::uint64_t>(take_field(line), 16).value_or(0);
  recorded.rest = line;
  return recorded;
}

std::string report_again(const Recorded& recorded, std::size_t fields) {
  std::string out;
  std::string_view rest = recorded.rest;
  std::vector<std::string_view> values;
  while (values.size() + 1 < fields) values.push_back(take_field(rest));
  values.push_back(rest);
  const ReportHead head{recorded.subsystem, recorded.at, recorded.session};
  const ReportEvent event = report_event_of(recorded.what).value_or(ReportEvent::Timeout);
  switch (fields) {
    case 0:
      append_report(out, head, event, {});
      break;
    case 1:
      append_report(out, head, event, {values[0]});
      break;
    case 2:
      append_report(out, head, event, {values[0], values[1]});
      break;
    case 3:
      append_report(out, head, event, {values[0], values[1], values[2]});
      break;
    default:
      append_report(out, head, event, {values[0], values[1], values[2], values[3]});
  }
  return out;
}

std::size_t fields_of(const Recorded& recorded) {
  static const std::map<std::string, std::size_t> counts = {
      {"link-connect", 4},    {"link-disconnect", 0}, {"link-greeting", 1},
      {"link-identify", 2},   {"link-tls", 1},        {"link-auth", 2},
      {"tx-reset", 1},        {"tx-begin", 1},        {"tx-mail", 3},
      {"tx-rcpt", 3},         {"tx-envelope", 2},     {"tx-data", 2},
      {"tx-commit", 2},       {"tx-rollback", 1},     {"protocol-client", 1},
      {"protocol-server", 1}, {"filter-response", 2},
  };
  return counts.at(recorded.what);
}

TEST(FilterRequest, EveryReportIsThatOfUpstream) {
  std::size_t checked = 0;
  for (const char* name : {"smtpd-7.4.0p1-in", "smtpd-7.4.0p1-out"}) {
    for (const std::string& line : sent_by_upstream(name)) {
      if (!line.starts_with("report|")) continue;
      const Recorded recorded = taken_apart(line);
      EXPECT_EQ(report_again(recorded, fields_of(recorded)), line + '\n');
      ++checked;
    }
  }
  EXPECT_GT(checked, 500u);
}

TEST(FilterRequest, EveryQuestionIsThatOfUpstream) {
  std::size_t checked = 0;
  for (const std::string& line : sent_by_upstream("smtpd-7.4.0p1-in")) {
    if (!line.starts_with("filter|")) continue;
    const Recorded recorded = taken_apart(line);
    if (recorded.what == "data-line") continue;
    std::string_view rest = recorded.rest;
    const auto token = ascii::parse_decimal<std::uint64_t>(take_field(rest), 16);
    const auto phase = phase_of(recorded.what);
    ASSERT_TRUE(token && phase) << line;
    const Question question{recorded.at, recorded.session, *token, *phase};
    std::string out;
    if (*phase == Phase::Connect) {
      const std::string_view name = take_field(rest);
      append_question(out, question, {name, rest});
    } else {
      append_question(out, question, {rest});
    }
    EXPECT_EQ(out, line + '\n');
    ++checked;
  }
  EXPECT_GT(checked, 100u);
}

TEST(FilterRequest, EveryDataLineIsThatOfUpstream) {
  std::size_t checked = 0;
  for (const std::string& line : sent_by_upstream("smtpd-7.4.0p1-in")) {
    const Recorded recorded = taken_apart(line.starts_with("filter|") ? line : "filter|0.6|1|x|y");
    if (recorded.what != "data-line") continue;
    std::string_view rest = recorded.rest;
    const auto token = ascii::parse_decimal<std::uint64_t>(take_field(rest), 16).value_or(0);
    std::string out;
    DataLines lines(recorded.session, token);
    if (rest == ".") {
      EXPECT_TRUE(lines.finish(out, recorded.at));
    } else {
      if (rest.starts_with('.')) rest.remove_prefix(1);
      EXPECT_TRUE(lines.append(out, recorded.at, std::string(rest) + "\r\n"));
    }
    EXPECT_EQ(out, line + '\n');
    ++checked;
  }
  EXPECT_GT(checked, 80u);
}

constexpr std::string_view prefix =
    "filter|0.6|1.000002|smtp-in|data-line|0000000000000001|0000000000000002|";

std::string with_prefix(std::initializer_list<std::string_view> lines) {
  std::string text;
  for (const std::string_view line : lines) text.append(prefix).append(line) += '\n';
  return text;
}

TEST(FilterRequest, ContentIsTheSameHoweverItIsCut) {
  const std::string content = "a\r\n.b\r\n..\r\n\r\nc\rd\ne\r\r\nlast";
  const std::string expected = with_prefix({"a", "..b", "...", "", "c d e ", "last", "."});
  for (std::size_t step = 1; step <= content.size(); ++step) {
    DataLines lines(1, 2);
    std::string out;
    for (std::size_t at = 0; at < content.size(); at += step)
      EXPECT_TRUE(lines.append(out, {1'000'002}, std::string_view(content).substr(at, step)));
    EXPECT_TRUE(lines.finish(out, {1'000'002}));
    EXPECT_EQ(out, expected) << step;
  }
}

TEST(FilterRequest, LinesThatAreTooLongAreNotWritten) {
  const std::string longest(DataLines::octets_max, 'x');
  std::string out;
  EXPECT_TRUE(DataLines(1, 2).append(out, {}, longest + "\r\n"));
  EXPECT_FALSE(DataLines(1, 2).append(out, {}, longest + "x\r\n"));
  DataLines in_pieces(1, 2);
  EXPECT_TRUE(in_pieces.append(out, {}, longest));
  EXPECT_FALSE(in_pieces.append(out, {}, "xx"));
  DataLines at_end(1, 2);
  EXPECT_TRUE(at_end.append(out, {}, longest + "x"));
  EXPECT_FALSE(at_end.finish(out, {}));
  LineCutter cutter;
  for (std::string_view rest = out; !rest.empty();)
    EXPECT_EQ(cutter.take(rest).status, LineCutter::Status::Line);
}

TEST(FilterRequest, ValuesForgeNothing) {
  std::string out;
  append_report(out, {Subsystem::SmtpIn, {0}, 1}, ReportEvent::LinkIdentify,
                {"EH|LO\n", "a|b\nreport|0.6|\r\x7f\t"});
  EXPECT_EQ(out,
            "report|0.6|0.000000|smtp-in|link-identify|0000000000000001|EH?LO?|a|b?report|0.6|??\t"
            "\n");
  out.clear();
  append_question(out, {{0}, 1, 2, Phase::Connect}, {"evil|1", std::string_view("a\0b", 3)});
  EXPECT_EQ(out,
            "filter|0.6|0.000000|smtp-in|connect|0000000000000001|0000000000000002|evil?1|a?b\n");
}

TEST(FilterRequest, LongValuesStayBelowTheLimit) {
  const std::string value(1'000'000, 'x');
  std::string out;
  append_report(out, {Subsystem::SmtpOut, {0}, 1}, ReportEvent::LinkConnect,
                {value, value, value, value});
  EXPECT_LT(out.size(), line_octets_max);
}

TEST(FilterRequestDeathTest, FieldsAreCounted) {
  std::string out;
  EXPECT_DEATH(append_report(out, {}, ReportEvent::TxMail, {"id", "ok"}), "CHECK");
  EXPECT_DEATH(append_question(out, {.phase = Phase::Connect}, {"name"}), "CHECK");
  EXPECT_DEATH(append_question(out, {.phase = Phase::DataLine}, {"line"}), "CHECK");
}

}  // namespace
}  // namespace ringpost::filter
