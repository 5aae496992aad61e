// A filter process may write anything, cut anywhere: the same octets give the same lines and
// answers however they are cut. And a client may send anything: what is made of it is one line that
// reads back as what it was, and content goes to a filter and comes back unchanged but for bare CR
// and LF.
#include <algorithm>
#include <string>
#include <string_view>

#include "proto/base/bytes.h"
#include "proto/base/check.h"
#include "proto/filter/answer.h"
#include "proto/filter/line.h"
#include "proto/filter/registration.h"
#include "proto/filter/request.h"

namespace {

using namespace ringpost;

std::string told(const filter::Answer& answer) {
  if (const auto* result = std::get_if<filter::Result>(&answer)) {
    std::string text = "R";
    filter::append_number(text, result->session ^ result->token);
    return text + static_cast<char>('a' + static_cast<int>(result->verdict)) +
           std::string(result->text);
  }
  if (const auto* line = std::get_if<filter::DataLine>(&answer))
    return (line->is_end ? "." : "L") + std::string(line->line);
  return "O";
}

// What a process says from its first octet on, as its owner takes it.
std::string run(std::string_view said, std::size_t step) {
  filter::LineCutter cutter;
  filter::Registration registration;
  std::string log;
  while (!said.empty()) {
    std::string_view part = said.substr(0, step);
    said.remove_prefix(part.size());
    while (!part.empty()) {
      const auto taken = cutter.take(part);
      if (taken.status == filter::LineCutter::Status::TooLong) return log + "too long";
      if (taken.status == filter::LineCutter::Status::Partial) break;
      CHECK(taken.line.size() <= filter::line_octets_max);
      if (!registration.ready()) {
        const auto registered = registration.take(taken.line);
        if (!registered) return log + registered.error();
      } else {
        const auto answer = filter::read_answer(taken.line);
        if (!answer) return log + answer.error();
        log += told(*answer) + '\n';
      }
    }
  }
  return log + (cutter.is_inside_line() ? "+" : "");
}

// One line, with as many '|' as it must have, however it is read.
void check_values(std::string_view value) {
  std::string out;
  filter::append_report(out, {filter::Subsystem::SmtpIn, {1}, 1}, filter::ReportEvent::TxMail,
                        {value, "ok", value});
  filter::append_question(out, {{1}, 1, 2, filter::Phase::Connect}, {value, value});
  CHECK(std::ranges::count(out, '\n') == 2 && !out.contains('\r') && !out.contains('\0'));
  std::string_view rest = out;
  for (int field = 0; field < 6; ++field) CHECK(!filter::take_field(rest).contains('\n'));
  filter::take_field(rest);
  CHECK(filter::take_field(rest) == "ok");
}

void check_content(std::string_view content, std::size_t step) {
  std::string out;
  filter::DataLines lines(1, 2);
  for (std::string_view rest = content; !rest.empty();) {
    const std::string_view part = rest.substr(0, step);
    if (!lines.append(out, {1}, part)) return;
    rest.remove_prefix(part.size());
  }
  if (!lines.finish(out, {1})) return;
  std::string back;
  filter::LineCutter cutter;
  bool ended = false;
  for (std::string_view rest = out; !rest.empty();) {
    const auto taken = cutter.take(rest);
    CHECK(taken.status == filter::LineCutter::Status::Line && !ended);
    std::string_view line = taken.line;
    for (int field = 0; field < 5; ++field) filter::take_field(line);
    const std::string sent_back = "filter-dataline|" + std::string(line);
    const auto answer = filter::read_answer(sent_back);
    CHECK(answer && std::holds_alternative<filter::DataLine>(*answer));
    const auto& data = std::get<filter::DataLine>(*answer);
    ended = data.is_end;
    if (!ended) back.append(data.line).append("\r\n");
  }
  CHECK(ended);
  std::string expected(content);
  if (!expected.empty() && !expected.ends_with("\r\n")) expected += "\r\n";
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const bool crlf = expected.compare(i, 2, "\r\n") == 0;
    if (crlf) ++i;
    if (!crlf && (expected[i] == '\r' || expected[i] == '\n')) expected[i] = ' ';
  }
  CHECK(back == expected);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* octets, std::size_t size) {
  const std::string_view said = text_of(std::as_bytes(std::span(octets, size)));
  const std::string whole = run(said, size + 1);
  CHECK(run(said, 1) == whole);
  CHECK(run(said, 7) == whole);
  check_values(said);
  check_content(said, size + 1);
  check_content(said, 1);
  check_content(said, 5);
  return 0;
}
