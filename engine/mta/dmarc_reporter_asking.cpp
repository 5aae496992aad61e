// DmarcReporter: asking the DNS who may get reports. See dmarc_reporter.h and report_permissions.h.
#include "engine/mta/dmarc_reporter.h"
#include "engine/mta/gathering.h"
#include "engine/mta/resolver.h"
#include "engine/ring/clock.h"

namespace ringpost::mta {
namespace {

constexpr Duration answer_max = seconds(10);
constexpr Duration question_max = seconds(5);
constexpr Duration asking_max = seconds(300);  // about the destinations of one portion

using Answers = Gathering<dns::AnswerPointer>;

ring::Task<void> ask(Worker& on, dns::Question question, std::shared_ptr<Answers> answers) {
  const Instant deadline = on.core().now() + question_max;
  answers->answer(co_await on.parts().resolver->find(std::move(question), deadline));
}

}  // namespace

// All of them before anything is sent: a silent name server then costs the others its wait once.
void DmarcReporter::ask_about(const Aggregates& aggregates, const Settings& settings) {
  std::vector<ReportDestination> wanted;
  for (const auto& [domain, aggregate] : aggregates) {
    if (!aggregate.is_worth_telling()) continue;
    for (const std::string& uri : aggregate.published().aggregate_uris)
      if (const auto target = auth::parse_report_target(uri))
        wanted.push_back({aggregate.published().domain, target->host});
  }
  ask_about(std::move(wanted), settings, permissions_);
}

void DmarcReporter::ask_about(std::vector<ReportDestination> wanted, const Settings& settings,
                              ReportPermissions& permissions) {
  const Instant end = ring::monotonic_now() + asking_max;
  permissions.find(
      std::move(wanted), settings.suffixes.get(),
      [this](const std::vector<dns::Question>& questions) { return ask_all(questions); },
      [this, end] { return stopping_ || ring::monotonic_now() >= end; });
}

// At the same time.
std::optional<std::vector<dns::AnswerPointer>> DmarcReporter::ask_all(
    const std::vector<dns::Question>& questions) {
  std::vector<std::shared_ptr<Answers>> asked;
  for (const dns::Question& question : questions) {
    asked.push_back(std::make_shared<Answers>(1));
    workers_.front()->post([question, answers = asked.back()](Worker& on) {
      on.dispatcher().run(ask(on, question, answers));
    });
  }
  std::vector<dns::AnswerPointer> all;
  for (const auto& answers : asked) {
    auto answer = answers->wait(answer_max);
    if (!answer || stopping_) return std::nullopt;
    all.push_back(std::move(answer->front()));
  }
  return all;
}

}  // namespace ringpost::mta
