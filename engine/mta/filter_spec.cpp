// Filter processes as smtpd.conf has them: see filter_spec.h.
#include "engine/mta/filter_spec.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>

namespace ringpost::mta {
namespace {

void note_use(std::vector<UsedFilter>& used, const conf::Filter* filter,
              bool FilterSpec::* subsystem) {
  if (filter == nullptr) return;
  for (const conf::Filter* link : filter->chain) note_use(used, link, subsystem);
  for (UsedFilter& one : used)
    if (one.process == filter->process) one.spec.*subsystem = true;
}

process::FilterProgram program_of(const conf::FilterProcess& process, const conf::Config& config) {
  return {.name = process.name,
          .command = process.command,
          .user = process.user.empty() ? config.engine.user : process.user,
          .group = process.group,
          .chroot = process.chroot};
}

bool name_exists(std::string_view kind, const std::string& name) {
  return kind == "user" ? getpwnam(name.c_str()) != nullptr : getgrnam(name.c_str()) != nullptr;
}

}  // namespace

std::vector<UsedFilter> used_filters(const conf::Config& config) {
  std::vector<UsedFilter> used;
  for (const auto& process : config.processes) {
    FilterSpec spec{.program = program_of(*process, config),
                    .smtp_in = false,
                    .smtp_out = false,
                    .admd = config.admd.empty() ? config.server_name : config.admd,
                    .session_timeout = config.smtp.idle_timeout};
    used.push_back({process.get(), std::move(spec)});
  }
  for (const conf::Listener& listener : config.listeners)
    note_use(used, listener.filter, &FilterSpec::smtp_in);
  for (const auto& action : config.actions)
    note_use(used, action->relay.filter, &FilterSpec::smtp_out);
  std::erase_if(used,
                [](const UsedFilter& one) { return !one.spec.smtp_in && !one.spec.smtp_out; });
  return used;
}

std::vector<std::string> problems_of_filter(const conf::FilterProcess& filter) {
  std::vector<std::string> problems;
  for (const auto& [kind, name] : {std::pair("user", &filter.user), {"group", &filter.group}})
    if (!name->empty() && !name_exists(kind, *name))
      problems.push_back(fmt::format("there is no {} {}", kind, *name));
  if (const passwd* entry = filter.user.empty() ? nullptr : getpwnam(filter.user.c_str());
      entry != nullptr && entry->pw_uid == 0)
    problems.push_back("filters are not run as root");
  if (!filter.chroot.empty() && !filter.chroot.starts_with('/')) {
    problems.push_back(fmt::format("the folder {} must be absolute", filter.chroot));
    return problems;
  }
  struct stat about{};
  if (!filter.chroot.empty() &&
      (stat(filter.chroot.c_str(), &about) != 0 || !S_ISDIR(about.st_mode))) {
    problems.push_back(fmt::format("there is no folder {}", filter.chroot));
    return problems;
  }
  if (const auto words = process::filter_words(filter.command, filter.chroot); !words)
    problems.push_back(words.error());
  return problems;
}

}  // namespace ringpost::mta
