// DmarcReporter: reports about single messages, as they come. See dmarc_reporter.h.
#include <fmt/format.h>

#include "engine/mta/dmarc_reporter.h"
#include "engine/mta/random.h"
#include "engine/ring/clock.h"

namespace ringpost::mta {
namespace {

constexpr std::size_t failure_targets_max = 2;

}  // namespace

void DmarcReporter::tell_failures() {
  const std::vector<auth::FailureNote> notes = failures_->take();
  if (notes.empty()) return;
  const auto wish = settings();
  if (!wish || !wish->reports || !wish->reports->failures_per_hour) return;
  failure_permissions_.clear();
  std::vector<ReportDestination> wanted;
  for (const auth::FailureNote& note : notes)
    for (const std::string& uri : note.uris)
      if (const auto target = auth::parse_report_target(uri))
        wanted.push_back({note.domain, target->host});
  ask_about(std::move(wanted), *wish, failure_permissions_);
  for (const auth::FailureNote& note : notes)
    if (!stopping_) tell_failure(note, *wish);
}

// RFC 7489 7.3: to those who may get aggregate reports as well. Under the null path, so that none
// of them comes back or is reported in its turn.
void DmarcReporter::tell_failure(const auth::FailureNote& note, const Settings& settings) {
  const conf::DmarcReports& wish = *settings.reports;
  std::size_t sent = 0;
  for (const std::string& uri : note.uris) {
    const auto target = auth::parse_report_target(uri);
    if (!target || sent == failure_targets_max) continue;
    const auto* allowed = failure_permissions_.known({note.domain, target->host});
    if (allowed == nullptr || allowed->kind != auth::ReportPermission::Kind::Permitted) {
      skip(note.domain, target->address, "the destination has not agreed to reports of failures");
      continue;
    }
    const WallTime time = ring::wall_now();
    const std::string id =
        fmt::format("{:016x}.{}@{}", random_number(), time.us, settings.server_name);
    const std::string boundary = fmt::format("rp-{:016x}{:016x}", random_number(), random_number());
    const auth::FailureFrame frame{
        .organization = wish.organization.empty() ? settings.server_name : wish.organization,
        .from = wish.from,
        .to = target->address,
        .server = settings.server_name,
        .message_id = id,
        .boundary = boundary,
        .now = time};
    const SubmitResult result = submitter_(
        {.sender = {}, .recipients = {target->address}, .content = failure_message(frame, note)});
    if (result.kind == SubmitResult::Kind::Accepted) {
      ++sent;
      log_->emit(time, observe::DmarcFailureQueued{.domain = note.domain, .to = target->address});
    } else {
      skip(note.domain, target->address,
           result.kind == SubmitResult::Kind::NotTaken
               ? result.reason
               : fmt::format("{} {}", result.reply.code, result.reply.text));
    }
  }
}

}  // namespace ringpost::mta
