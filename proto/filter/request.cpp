// report| and filter| lines: see request.h.
#include "proto/filter/request.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "proto/base/check.h"
#include "proto/filter/line.h"

namespace ringpost::filter {
namespace {

struct FieldCount {
  std::uint8_t least, most;
};
// By ReportEvent.
constexpr std::array<FieldCount, report_events> field_counts = {
    {{4, 4}, {0, 0}, {1, 1}, {2, 2}, {1, 1}, {2, 2}, {1, 1}, {1, 1}, {3, 3}, {3, 3},
     {2, 2}, {2, 2}, {2, 2}, {1, 1}, {1, 1}, {1, 1}, {3, 3}, {2, 3}, {0, 0}, {2, 2}}};
// A value that would make a line too long is cut; nothing that SMTP allows comes near.
constexpr std::size_t value_octets_max = 12'288;

void append_head(std::string& out, std::string_view kind, WallTime at, Subsystem subsystem,
                 std::string_view what, std::uint64_t session) {
  fmt::format_to(std::back_inserter(out), "{}|{}|{}.{:06}|{}|{}|", kind, protocol_version,
                 at.us / 1'000'000, at.us % 1'000'000, word_of(subsystem), what);
  append_number(out, session);
}

void append_values(std::string& out, std::initializer_list<std::string_view> values) {
  for (const std::string_view& value : values) {
    out += '|';
    const std::string_view kept = value.substr(0, value_octets_max);
    &value + 1 == values.end() ? append_last_field(out, kept) : append_field(out, kept);
  }
  out += '\n';
}

}  // namespace

void append_report(std::string& out, const ReportHead& head, ReportEvent event,
                   std::initializer_list<std::string_view> fields) {
  const FieldCount count = field_counts[std::to_underlying(event)];
  CHECK(fields.size() >= count.least && fields.size() <= count.most);
  append_head(out, "report", head.at, head.subsystem, word_of(event), head.session);
  append_values(out, fields);
}

void append_question(std::string& out, const Question& question,
                     std::initializer_list<std::string_view> parameters) {
  CHECK(question.phase != Phase::DataLine);
  CHECK(parameters.size() == (question.phase == Phase::Connect ? 2 : 1));
  append_head(out, "filter", question.at, Subsystem::SmtpIn, word_of(question.phase),
              question.session);
  out += '|';
  append_number(out, question.token);
  append_values(out, parameters);
}

void DataLines::begin_turn(WallTime at) {
  if (at == prefix_at_) return;
  prefix_at_ = at;
  prefix_.clear();
  append_head(prefix_, "filter", at, Subsystem::SmtpIn, word_of(Phase::DataLine), session_);
  prefix_ += '|';
  append_number(prefix_, token_);
  prefix_ += '|';
}

bool DataLines::put(std::string& out, std::string_view line) {
  if (line.size() > octets_max) return false;
  out += prefix_;
  if (line.starts_with('.')) out += '.';
  const std::size_t start = out.size();
  out += line;
  const auto is_end = [](char c) { return c == '\r' || c == '\n'; };
  std::replace_if(out.begin() + static_cast<std::ptrdiff_t>(start), out.end(), is_end, ' ');
  out += '\n';
  return true;
}

bool DataLines::append(std::string& out, WallTime at, std::string_view content) {
  begin_turn(at);
  // A CRLF that is cut in two.
  if (held_.ends_with('\r') && content.starts_with('\n')) {
    held_.pop_back();
    if (!put(out, held_)) return false;
    held_.clear();
    content.remove_prefix(1);
  }
  for (std::size_t end = 0; (end = content.find("\r\n")) != std::string_view::npos;) {
    held_ += content.substr(0, held_.empty() ? 0 : end);
    if (!put(out, held_.empty() ? content.substr(0, end) : held_)) return false;
    held_.clear();
    content.remove_prefix(end + 2);
  }
  held_ += content;
  return held_.size() <= octets_max + 1;
}

bool DataLines::finish(std::string& out, WallTime at) {
  begin_turn(at);
  if (!held_.empty() && !put(out, held_)) return false;
  held_.clear();
  out += prefix_;
  out += ".\n";
  return true;
}

}  // namespace ringpost::filter
