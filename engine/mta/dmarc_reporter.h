// DmarcReporter: a thread that sends DMARC's aggregate reports (RFC 7489 7.2) once a period is
// over: reads what the cores have noted, asks the DNS who may get it, and hands one message for
// each address to the local socket, whence it goes by the rules like other mail of this machine.
// What was taken is noted durably: a crash repeats one message at most, and loses none. A domain
// that cannot be served now is tried again for some days. Reports about single messages (RFC 7489
// 7.3) leave as they come, and are gone when they cannot.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "engine/mta/dmarc_failures.h"
#include "engine/mta/dmarc_folder.h"
#include "engine/mta/report_permissions.h"
#include "engine/mta/submit.h"
#include "engine/mta/worker.h"
#include "engine/observe/event_log.h"
#include "proto/auth/dmarc_report.h"
#include "proto/auth/report_target.h"
#include "proto/conf/sender_auth.h"

namespace ringpost::mta {

// What is gathered about one domain, of a period that is not told yet.
struct GatheredReport {
  ReportPeriod period;
  std::string domain;
  std::uint64_t messages = 0;
};

class DmarcReporter {
 public:
  // Hands in a message of the daemon's own; blocks.
  using Submitter = std::function<SubmitResult(const submission::Submission&)>;

  DmarcReporter() = default;
  ~DmarcReporter() { stop(); }
  DmarcReporter(const DmarcReporter&) = delete;
  DmarcReporter& operator=(const DmarcReporter&) = delete;

  // Main thread, once the socket accepts. All of it outlives stop().
  void start(DmarcFolder& folder, DmarcFailures& failures, std::vector<Worker*> workers,
             Submitter submitter, observe::EventLog& log);
  void stop();

  // Any thread, until stop(): the present period ends now, and everything is sent at once.
  void send_now();
  // Any thread that may block, until stop(). Nothing: a core did not answer.
  std::optional<std::vector<GatheredReport>> gathered();

 private:
  struct Settings {
    std::optional<conf::DmarcReports> reports;
    std::string server_name;
    std::shared_ptr<const auth::SuffixList> suffixes;
  };
  struct Group {
    ReportPeriod period;
    std::vector<std::string> files;
    std::set<std::string> sent;  // domains that are done, and "domain address"
  };
  using Aggregates = std::map<std::string, auth::DmarcAggregate>;
  enum class Outcome : std::uint8_t { Done, Later };

  void run();
  void pass(bool now);
  void close_period(std::uint64_t second);
  bool close_what_is_over();
  bool flush();
  std::optional<Settings> settings();
  std::vector<Group> groups() const;
  void report(Group& group, const Settings& settings, bool now);
  void forget_what_is_old();
  void clean_up(const Group& group, std::uint64_t second);
  bool tell_all(Group& group, const Aggregates& aggregates, const Settings& settings, bool now);
  Outcome tell(Group& group, const auth::DmarcAggregate& aggregate, const Settings& settings);
  void ask_about(const Aggregates& aggregates, const Settings& settings);
  void ask_about(std::vector<ReportDestination> wanted, const Settings& settings,
                 ReportPermissions& permissions);
  std::optional<std::vector<dns::AnswerPointer>> ask_all(
      const std::vector<dns::Question>& questions);
  std::vector<auth::ReportTarget> targets(const auth::PublishedPolicy& policy, Outcome& outcome);
  Outcome send(Group& group, const auth::DmarcAggregate& aggregate,
               const auth::ReportTarget& target, const Settings& settings);
  void tell_failures();
  void tell_failure(const auth::FailureNote& note, const Settings& settings);
  bool mark(Group& group, const std::string& key);
  bool write_mark(ReportPeriod period, const std::string& key);
  void skip(std::string_view domain, std::string_view to, std::string_view reason);
  bool wait(Duration limit);  // false: it stops

  DmarcFolder* folder_ = nullptr;
  DmarcFailures* failures_ = nullptr;
  std::vector<Worker*> workers_;
  Submitter submitter_;
  observe::EventLog* log_ = nullptr;
  ReportPermissions permissions_;                            // of this pass
  ReportPermissions failure_permissions_;                    // of what waits of single messages
  std::map<ReportPeriod, std::uint64_t> not_before_;         // seconds since 1970
  std::map<ReportPeriod, std::set<std::string>> not_noted_;  // sent, but the disk was full
  std::atomic<bool> stopping_{false};
  std::atomic<bool> now_{false};
  int wake_ = -1;
  std::thread thread_;
};

}  // namespace ringpost::mta
