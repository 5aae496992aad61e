// From files of rows to messages: see dmarc_reporter.h. Memory is bounded: a period is read once
// for the names of its domains, and then once for each portion of them.
#include "engine/mta/dmarc_reporter.h"

#include <algorithm>
#include <cerrno>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/mta/dmarc_rows.h"
#include "engine/mta/gathering.h"
#include "engine/mta/gzip.h"
#include "engine/mta/random.h"
#include "engine/ring/clock.h"
#include "engine/ring/quiet_thread.h"
#include "proto/base/check.h"
#include "store/dmarc/row.h"

namespace ringpost::mta {
namespace {

constexpr Duration answer_max = seconds(10);
constexpr Duration look_most = seconds(60), look_least = seconds(1);
constexpr Duration pause_between = milliseconds(50);
constexpr std::uint64_t retry_s = 600;
constexpr std::uint64_t kept_s = 3 * 86'400;                   // what could not be sent
constexpr std::size_t octets_at_once = std::size_t{64} << 20;  // of rows, as they are in memory
constexpr std::size_t xml_octets_max = std::size_t{16} << 20;
constexpr std::size_t xml_octets_least = 2048;
constexpr std::size_t targets_max = 8;

std::uint64_t second_now() { return static_cast<std::uint64_t>(ring::wall_now().seconds()); }

// Empty when there is no such file; nothing when it cannot be read.
std::optional<std::string> read_whole(int folder, const std::string& name, std::size_t octets_max) {
  std::string text;
  const int file = openat(folder, name.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (file < 0) return errno == ENOENT ? std::optional(text) : std::nullopt;
  struct stat status{};
  if (fstat(file, &status) == 0)
    text.resize(std::min(static_cast<std::size_t>(status.st_size), octets_max));
  std::size_t got = 0;
  while (got < text.size()) {
    const ssize_t count = read(file, text.data() + got, text.size() - got);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    got += static_cast<std::size_t>(count);
  }
  close(file);
  return got == text.size() ? std::optional(std::move(text)) : std::nullopt;
}

// Calls visit(row) for all rows of the files, in pieces of bounded size. False: a file cannot be
// read, perhaps for now; what is there is not known.
template <class Visit>
bool for_each_row(int folder, const std::vector<std::string>& files, Visit visit) {
  constexpr std::size_t piece_octets = std::size_t{1} << 20;
  for (const std::string& name : files) {
    const int file = openat(folder, name.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (file < 0) return false;
    std::string piece;
    ssize_t count = 0;
    while (true) {
      const std::size_t before = piece.size();
      piece.resize(before + piece_octets);
      count = read(file, piece.data() + before, piece_octets);
      piece.resize(before + static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
      store::RowReader reader(bytes_of(piece));
      while (const auto row = reader.next()) visit(*row);
      piece.erase(0, piece.size() - reader.rest());
      // A whole record would have been read.
      if (count <= 0 || piece.size() >= store::row_octets_max) break;
    }
    close(file);
    if (count < 0) return false;
  }
  return true;
}

// Lines that a crash has torn have no end.
std::set<std::string> lines_of(std::string_view text) {
  std::set<std::string> lines;
  while (text.contains('\n')) {
    lines.emplace(text.substr(0, text.find('\n')));
    text.remove_prefix(text.find('\n') + 1);
  }
  return lines;
}

std::size_t octets_of(const auth::DmarcRow& row) {
  std::size_t octets = 1024;
  for (const auth::RowSignature& one : row.signatures)
    octets += 128 + one.domain.size() + one.selector.size();
  return octets;
}

std::string sent_name(ReportPeriod period) {
  return fmt::format("sent.{}.{}", period.begin, period.end);
}

// Fewer rows until the message is as small as the target wants it. Nothing: it never is, or (not
// `is_possible`) there is no memory for it now.
std::optional<std::string> content_within(const auth::ReportFrame& frame,
                                          const auth::DmarcAggregate& aggregate,
                                          const auth::ReportTarget& target, bool& is_possible) {
  const std::string boundary = fmt::format("rp-{:016x}{:016x}", random_number(), random_number());
  const std::string& domain = aggregate.published().domain;
  for (std::size_t octets = xml_octets_max; octets >= xml_octets_least; octets /= 2) {
    const auto packed = gzip(auth::report_xml(frame, aggregate, octets));
    is_possible = packed.has_value();
    if (!packed) return std::nullopt;
    const WallTime time = ring::wall_now();
    const std::string id = fmt::format("{:016x}.{}@{}", random_number(), time.us, frame.submitter);
    std::string content =
        auth::report_message(frame, domain, target.address, id, boundary, time, *packed);
    if (target.octets_max == 0 || content.size() <= target.octets_max) return content;
  }
  return std::nullopt;
}

}  // namespace

void DmarcReporter::start(DmarcFolder& folder, DmarcFailures& failures,
                          std::vector<Worker*> workers, Submitter submitter,
                          observe::EventLog& log) {
  folder_ = &folder;
  failures_ = &failures;
  workers_ = std::move(workers);
  submitter_ = std::move(submitter);
  log_ = &log;
  wake_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  CHECK(wake_ >= 0);
  thread_ = ring::quiet_thread([this] { run(); });
}

void DmarcReporter::stop() {
  if (!thread_.joinable()) return;
  stopping_ = true;
  const std::uint64_t one = 1;
  CHECK(write(wake_, &one, sizeof one) == sizeof one);
  thread_.join();
  close(std::exchange(wake_, -1));
}

void DmarcReporter::send_now() {
  now_ = true;
  const std::uint64_t one = 1;
  if (wake_ >= 0) CHECK(write(wake_, &one, sizeof one) == sizeof one);
}

bool DmarcReporter::wait(Duration limit) {
  pollfd woken[]{{wake_, POLLIN, 0}, {failures_->file(), POLLIN, 0}};
  if (!stopping_) poll(woken, 2, static_cast<int>(limit.milliseconds()));
  return !stopping_;
}

void DmarcReporter::run() {
  Duration pause = look_least;
  while (wait(pause)) {
    std::uint64_t count = 0;
    static_cast<void>(!read(wake_, &count, sizeof count));
    if (stopping_) return;
    tell_failures();
    const bool now = now_.exchange(false);
    pass(now);
    const auto wish = settings();
    pause = look_most;
    if (wish && wish->reports)
      pause = std::clamp(Duration{wish->reports->interval.ns / 8}, look_least, look_most);
  }
}

std::optional<DmarcReporter::Settings> DmarcReporter::settings() {
  auto answers = std::make_shared<Gathering<Settings>>(1);
  workers_.front()->post([answers](Worker& on) {
    const Generation& generation = *on.parts().generation;
    answers->answer(Settings{.reports = generation.config.dmarc_reports,
                             .server_name = generation.config.server_name,
                             .suffixes = generation.suffixes});
  });
  auto answer = answers->wait(answer_max);
  return answer ? std::optional(std::move(answer->front())) : std::nullopt;
}

// What the cores have noted is in the files, or lost.
bool DmarcReporter::flush() {
  auto answers = std::make_shared<Gathering<bool>>(workers_.size());
  for (Worker* worker : workers_)
    worker->post([answers](Worker& on) {
      on.parts().dmarc_rows->flush([answers] { answers->answer(true); });
    });
  return answers->wait(answer_max).has_value();
}

std::vector<DmarcReporter::Group> DmarcReporter::groups() const {
  std::map<ReportPeriod, Group> found;
  for (const ReportFile& file : folder_->files()) {
    Group& group = found[file.period];
    group.period = file.period;
    if (file.is_rows) group.files.push_back(file.name);
  }
  std::vector<Group> groups;
  for (auto& [period, group] : found) groups.push_back(std::move(group));
  return groups;
}

// The files of the present period get its new end as their name.
void DmarcReporter::close_period(std::uint64_t second) {
  folder_->close_before(second + 1);
  if (!flush()) return;
  for (const Group& group : groups()) {
    if (group.period.end <= second || group.period.begin > second) continue;
    for (const std::string& name : group.files) {
      const std::string old_head = fmt::format("rows.{}.{}.", group.period.begin, group.period.end);
      const std::string renamed =
          fmt::format("rows.{}.{}.{}", group.period.begin, second, name.substr(old_head.size()));
      renameat(folder_->file(), name.c_str(), folder_->file(), renamed.c_str());
    }
  }
  fsync(folder_->file());
}

// A row that comes late, or by a clock that went back, belongs to the next period: the files of
// this one are read once. False: a core did not answer.
bool DmarcReporter::close_what_is_over() {
  const std::uint64_t second = second_now();
  std::uint64_t closed = folder_->closed();
  for (const Group& group : groups())
    if (group.period.end < second) closed = std::max(closed, group.period.end + 1);
  if (closed == folder_->closed()) return true;
  folder_->close_before(closed);
  return flush();
}

void DmarcReporter::pass(bool now) {
  const auto wish = settings();
  if (!wish) return;
  if (!wish->reports) return forget_what_is_old();
  if (!flush()) return;
  permissions_.clear();
  // An order that follows at once closes the next second, which may be the one to come.
  if (now) close_period(std::max(second_now(), folder_->closed()));
  if (!close_what_is_over()) return;
  const std::uint64_t jitter_max = std::min<std::uint64_t>(
      static_cast<std::uint64_t>(wish->reports->interval.seconds()) / 8, 3600);
  for (Group& group : groups()) {
    const std::uint64_t second = second_now();
    if (group.period.end >= folder_->closed()) continue;
    // All the world's periods end at the same moment.
    const auto [begin, is_new] =
        not_before_.try_emplace(group.period, second + random_number() % (jitter_max + 1));
    if (!now && second < begin->second) continue;
    if (!group.files.empty()) report(group, *wish, now);
    if (stopping_) return;
    begin->second = second + retry_s;
    clean_up(group, second);
  }
}

void DmarcReporter::report(Group& group, const Settings& settings, bool now) {
  const auto sent = read_whole(folder_->file(), sent_name(group.period), std::size_t{1} << 28);
  std::map<std::string, std::size_t> domains;
  const bool is_known =
      sent && for_each_row(folder_->file(), group.files, [&](const auth::DmarcRow& row) {
        domains[row.published.domain] += octets_of(row);
      });
  if (!is_known) return skip("", "", fmt::format("rows of {} cannot be read", group.period.begin));
  group.sent = lines_of(*sent);
  if (const auto kept = not_noted_.find(group.period); kept != not_noted_.end())
    group.sent.insert(kept->second.begin(), kept->second.end());
  std::erase_if(domains, [&group](const auto& one) { return group.sent.contains(one.first); });
  bool all_done = true;
  while (!domains.empty() && !stopping_) {
    Aggregates portion;
    for (std::size_t octets = 0; !domains.empty() && octets < octets_at_once;) {
      octets += domains.begin()->second;
      portion.try_emplace(domains.begin()->first);
      domains.erase(domains.begin());
    }
    const bool is_read =
        for_each_row(folder_->file(), group.files, [&portion](const auth::DmarcRow& row) {
          if (const auto found = portion.find(row.published.domain); found != portion.end())
            found->second.add(row);
        });
    if (!is_read) return;
    all_done = tell_all(group, portion, settings, now) && all_done;
  }
  if (!all_done || stopping_) return;
  for (const std::string& name : group.files) unlinkat(folder_->file(), name.c_str(), 0);
  group.files.clear();
}

// Of a time when the configuration asked for reports: nobody sends it, and it must not stay for
// ever.
void DmarcReporter::forget_what_is_old() {
  for (const Group& group : groups()) clean_up(group, second_now());
}

// The note of a period stays for a while: it tells the next process that the period was closed.
void DmarcReporter::clean_up(const Group& group, std::uint64_t second) {
  if (group.period.end + kept_s >= second) return;
  if (!group.files.empty()) skip("", "", fmt::format("rows of {} are too old", group.period.begin));
  for (const std::string& name : group.files) unlinkat(folder_->file(), name.c_str(), 0);
  unlinkat(folder_->file(), sent_name(group.period).c_str(), 0);
  not_before_.erase(group.period);
  not_noted_.erase(group.period);
}

bool DmarcReporter::tell_all(Group& group, const Aggregates& aggregates, const Settings& settings,
                             bool now) {
  bool all_done = true;
  ask_about(aggregates, settings);
  for (const auto& [domain, aggregate] : aggregates) {
    if (stopping_) return false;
    const bool done = tell(group, aggregate, settings) == Outcome::Done && mark(group, domain);
    all_done = all_done && done;
    if (!now && !wait(pause_between)) return false;
  }
  return all_done;
}

DmarcReporter::Outcome DmarcReporter::tell(Group& group, const auth::DmarcAggregate& aggregate,
                                           const Settings& settings) {
  if (!aggregate.is_worth_telling()) return Outcome::Done;
  Outcome outcome = Outcome::Done;
  for (const auth::ReportTarget& target : targets(aggregate.published(), outcome))
    if (send(group, aggregate, target, settings) == Outcome::Later) outcome = Outcome::Later;
  return outcome;
}

// Later: the DNS did not answer for one of them, which is not among them.
std::vector<auth::ReportTarget> DmarcReporter::targets(const auth::PublishedPolicy& policy,
                                                       Outcome& outcome) {
  std::vector<auth::ReportTarget> targets;
  for (const std::string& uri : policy.aggregate_uris) {
    const auto target = auth::parse_report_target(uri);
    if (!target) {
      skip(policy.domain, uri, "no address");
      continue;
    }
    const auto* allowed = permissions_.known({policy.domain, target->host});
    if (allowed == nullptr || allowed->kind == auth::ReportPermission::Kind::Failed) {
      skip(policy.domain, target->address,
           allowed == nullptr ? "the DNS is not asked yet" : "the DNS does not answer");
      outcome = Outcome::Later;
    } else if (allowed->kind == auth::ReportPermission::Kind::Refused) {
      skip(policy.domain, target->address, "the destination has not agreed");
    } else if (allowed->instead.empty()) {
      targets.push_back(*target);
    } else {
      targets.insert(targets.end(), allowed->instead.begin(), allowed->instead.end());
    }
  }
  targets.resize(std::min(targets.size(), targets_max));
  return targets;
}

DmarcReporter::Outcome DmarcReporter::send(Group& group, const auth::DmarcAggregate& aggregate,
                                           const auth::ReportTarget& target,
                                           const Settings& settings) {
  const std::string& domain = aggregate.published().domain;
  const std::string key = fmt::format("{} {}", domain, target.address);
  if (group.sent.contains(key)) return Outcome::Done;
  const conf::DmarcReports& wish = *settings.reports;
  // The same whenever it is written: who gets it twice can tell.
  const std::string id = fmt::format("{}-{}-{}", domain, group.period.begin, group.period.end);
  const auth::ReportFrame frame{
      .organization = wish.organization.empty() ? settings.server_name : wish.organization,
      .from = wish.from,
      .contact = wish.contact,
      .report_id = id,
      .submitter = settings.server_name,
      .begin = group.period.begin,
      .end = group.period.end};
  bool is_possible = true;
  auto content = content_within(frame, aggregate, target, is_possible);
  if (!is_possible) return Outcome::Later;
  if (!content) {
    skip(domain, target.address, "no report is as small as wanted");
    return mark(group, key) ? Outcome::Done : Outcome::Later;
  }
  const SubmitResult result = submitter_(
      {.sender = wish.from, .recipients = {target.address}, .content = std::move(*content)});
  if (result.kind == SubmitResult::Kind::NotTaken) {
    skip(domain, target.address, result.reason);
    return Outcome::Later;
  }
  if (result.kind == SubmitResult::Kind::Refused) {
    skip(domain, target.address, fmt::format("{} {}", result.reply.code, result.reply.text));
    if (result.reply.view().severity() != 5) return Outcome::Later;
  } else {
    log_->emit(ring::wall_now(), observe::DmarcReportQueued{.domain = domain,
                                                            .to = target.address,
                                                            .begin = group.period.begin,
                                                            .end = group.period.end,
                                                            .messages = aggregate.messages()});
  }
  return mark(group, key) ? Outcome::Done : Outcome::Later;
}

// What the disk does not take is known as long as this process lives.
bool DmarcReporter::mark(Group& group, const std::string& key) {
  group.sent.insert(key);
  const bool done = write_mark(group.period, key);
  if (!done) not_noted_[group.period].insert(key);
  return done;
}

bool DmarcReporter::write_mark(ReportPeriod period, const std::string& key) {
  const int file = openat(folder_->file(), sent_name(period).c_str(),
                          O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (file < 0) return false;
  struct stat status{};
  char last = '\n';
  const bool known = fstat(file, &status) == 0;
  if (known && status.st_size > 0) static_cast<void>(!pread(file, &last, 1, status.st_size - 1));
  // A line that was torn names nobody: its beginning may be somebody's name.
  const std::string line = (last == '\n' ? "" : "?\n") + key + "\n";
  const bool done =
      known &&
      pwrite(file, line.data(), line.size(), status.st_size) == static_cast<ssize_t>(line.size()) &&
      fsync(file) == 0;
  close(file);
  if (known && status.st_size == 0) fsync(folder_->file());
  return done;
}

void DmarcReporter::skip(std::string_view domain, std::string_view to, std::string_view reason) {
  log_->emit(ring::wall_now(),
             observe::DmarcReportSkipped{.domain = domain, .to = to, .reason = reason});
}

std::optional<std::vector<GatheredReport>> DmarcReporter::gathered() {
  if (folder_ == nullptr || !flush()) return std::nullopt;
  std::vector<GatheredReport> all;
  for (Group& group : groups()) {
    const auto text = read_whole(folder_->file(), sent_name(group.period), 1 << 28);
    const auto sent = lines_of(text.value_or(""));
    std::map<std::string, std::uint64_t> domains;
    // What cannot be read is told of when it is due.
    static_cast<void>(for_each_row(folder_->file(), group.files, [&](const auth::DmarcRow& row) {
      ++domains[row.published.domain];
    }));
    for (const auto& [domain, messages] : domains)
      if (!sent.contains(domain)) all.push_back({group.period, domain, messages});
  }
  return all;
}

}  // namespace ringpost::mta
