// The handshake of smtpd-filters(7): see registration.h.
#include "proto/filter/registration.h"

#include <fmt/format.h>

#include "proto/base/check.h"
#include "proto/filter/line.h"

namespace ringpost::filter {
namespace {

// The version of smtpd(8) whose filters we start; they compare it as a text.
constexpr std::string_view smtpd_version = "7.8.0";

}  // namespace

void append_handshake(std::string& out, const Handshake& handshake) {
  fmt::format_to(std::back_inserter(out),
                 "config|smtpd-version|{}\nconfig|protocol|{}\nconfig|smtp-session-timeout|{}\n",
                 smtpd_version, protocol_version, handshake.session_timeout.seconds());
  if (handshake.smtp_in) out += "config|subsystem|smtp-in\n";
  if (handshake.smtp_out) out += "config|subsystem|smtp-out\n";
  out += "config|admd|";
  append_last_field(out, handshake.admd);
  out += "\nconfig|ready\n";
}

std::expected<void, std::string> Registration::take(std::string_view line) {
  CHECK(!ready_);
  if (line == "register|ready") {
    ready_ = true;
    return {};
  }
  std::string_view rest = line;
  if (take_field(rest) != "register")
    return std::unexpected("said something before register|ready: " + quoted_line(line));
  const std::string_view what = take_field(rest);
  const bool taken = what == "report" ? take_report(rest) : (what == "filter" && take_filter(rest));
  if (!taken) return std::unexpected("registers for what does not exist: " + quoted_line(line));
  return {};
}

bool Registration::take_report(std::string_view rest) {
  const auto subsystem = subsystem_of(take_field(rest));
  if (!subsystem) return false;
  auto& reports = *subsystem == Subsystem::SmtpIn ? interest_.reports_in : interest_.reports_out;
  if (rest == "*") {
    for (std::size_t i = 0; i < report_events_of_everybody; ++i)
      reports.insert(static_cast<ReportEvent>(i));
    return true;
  }
  const auto event = report_event_of(rest);
  if (!event || (event == ReportEvent::TxResults && subsystem != Subsystem::SmtpIn)) return false;
  reports.insert(*event);
  return true;
}

bool Registration::take_filter(std::string_view rest) {
  if (subsystem_of(take_field(rest)) != Subsystem::SmtpIn) return false;
  if (rest == "*") {
    for (std::size_t i = 0; i < phases; ++i) interest_.decisions.insert(static_cast<Phase>(i));
    return true;
  }
  const auto phase = phase_of(rest);
  if (phase) interest_.decisions.insert(*phase);
  return phase.has_value();
}

}  // namespace ringpost::filter
