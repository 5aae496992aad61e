// Chooses between the daemon and the spool, and between text for people and JSON lines.
#include "tools/ringpostctl/run.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "tools/ringpostctl/command.h"
#include "tools/ringpostctl/daemon_client.h"
#include "tools/ringpostctl/explain.h"
#include "tools/ringpostctl/make_map.h"
#include "tools/ringpostctl/show.h"
#include "tools/ringpostctl/spool_commands.h"
#include "tools/ringpostctl/table.h"

namespace ringpost::ctl {
namespace {

using std::string_view_literals::operator""sv;

bool gives_rows(const Invocation& invocation) {
  switch (invocation.verb) {
    case Verb::Pause:
      return invocation.arguments.empty();
    case Verb::ShowQueue:
    case Verb::ShowEnvelope:
    case Verb::ShowStats:
    case Verb::ShowDmarc:
    case Verb::ShowDestinations:
    case Verb::ShowHosts:
    case Verb::ShowRoutes:
    case Verb::Why:
      return true;
    default:
      return false;
  }
}

std::string notes_text(std::span<const Json> rows) {
  std::string text;
  for (const Json& row : rows) {
    if (const auto note = row.find("note"); note != row.end() && note->is_string())
      text += fmt::format("{}\n", printable_lines(note->get<std::string>()));
  }
  return text;
}

std::string page_text(Verb verb, std::span<const Json> rows, WallTime now) {
  if (verb == Verb::ShowQueue) return queue_text(rows, now);
  if (verb == Verb::ShowStats) return stats_text(rows);
  if (verb == Verb::ShowDmarc) return dmarc_text(rows);
  if (verb == Verb::Pause) return pausable_text(rows);
  if (verb == Verb::Why) return why_text(rows, now);
  if (verb == Verb::ShowDestinations) return destinations_text(rows, now);
  if (verb == Verb::ShowHosts) return hosts_text(rows);
  if (verb == Verb::ShowRoutes) return routes_text(rows);
  if (verb == Verb::Reload || verb == Verb::UpdateTable) return notes_text(rows);
  std::string text;
  for (const Json& row : rows) {
    if (row.is_object()) text += envelope_text(row, now);
  }
  return text;
}

std::uint64_t count_of(const Json& last, const char* name) {
  const auto count = last.find(name);
  return count != last.end() && count->is_number_unsigned() ? count->get<std::uint64_t>() : 0;
}

std::string recipients_text(std::uint64_t count) {
  return fmt::format("{} {}", count, count == 1 ? "recipient" : "recipients");
}

// "3 recipients scheduled", and how many it could not be done to.
std::string count_text(const Json& last, const char* done) {
  std::string text = fmt::format("{} {}\n", recipients_text(count_of(last, done)), done);
  if (const std::uint64_t busy = count_of(last, "busy"); busy != 0)
    text += fmt::format("{} under way, or changed at the moment: nothing was done to {}\n",
                        recipients_text(busy), busy == 1 ? "it" : "them");
  if (const std::uint64_t held = count_of(last, "held"); held != 0 && done != "held"sv)
    text += fmt::format("{} held, and to be released first\n", recipients_text(held));
  if (const std::uint64_t unfit = count_of(last, "unfit"); unfit != 0)
    text += fmt::format("{} not relayed, and left as they are\n", recipients_text(unfit));
  return text;
}

// What happened, for commands that give no rows.
std::string done_text(const Invocation& invocation, const Json& last) {
  switch (invocation.verb) {
    case Verb::Schedule:
      return count_text(last, "scheduled");
    case Verb::Remove:
      return count_text(last, "removed");
    case Verb::Bounce:
      return count_text(last, "bounced");
    case Verb::Hold:
      return count_text(last, "held");
    case Verb::Release:
      return count_text(last, "released");
    case Verb::Reroute:
      return count_text(last, "rerouted");
    case Verb::Pause:
      return fmt::format("{} paused\n", fmt::join(invocation.arguments, " "));
    case Verb::Resume:
      return fmt::format("{} resumed\n", fmt::join(invocation.arguments, " "));
    case Verb::Log:
      return invocation.arguments[0] == "reopen" ? "log file opened anew\n"
                                                 : "log " + invocation.arguments[0] + "\n";
    case Verb::Trace:
      return fmt::format("{} is traced\n", invocation.arguments[0]);
    case Verb::Untrace:
      return fmt::format("{} is not traced any more\n", invocation.arguments[0]);
    case Verb::Reload:
      return "the configuration was read anew and is in use\n";
    case Verb::UpdateTable:
      return fmt::format("table {} was read anew and is in use\n", invocation.arguments[0]);
    case Verb::SendDmarc:
      return "DMARC reports are being sent; the log tells to whom\n";
    case Verb::Discover:
      return "the offline folder is being looked into\n";
    case Verb::Stop:
      return "the daemon is stopping\n";
    default:
      return {};
  }
}

int ask_daemon(const Invocation& invocation, WallTime now, const Output& output) {
  const control::Request request{.command = invocation.command, .arguments = invocation.arguments};
  const auto last = ask(invocation.socket_path, request, [&](std::span<const Json> rows) {
    if (!invocation.json) return output.put(page_text(invocation.verb, rows, now));
    for (const Json& row : rows) output.put_line(row);
  });
  if (!last) return output.fail(printable_lines(last.error()));
  if (gives_rows(invocation)) return exit_ok;
  if (invocation.json) {
    output.put_line(*last);
  } else {
    output.put(done_text(invocation, *last));
  }
  return exit_ok;
}

bool reads_the_spool(Verb verb) {
  return verb == Verb::ShowMessage || verb == Verb::SpoolList || verb == Verb::SpoolCat ||
         verb == Verb::SpoolVerify || verb == Verb::SpoolExport;
}

// What smtpctl(8) can trace, and Ringpost shows elsewhere.
std::string_view told_elsewhere(std::string_view subsystem) {
  if (subsystem == "mta") return "each attempt is in the log; `why ID` tells what comes next";
  if (subsystem == "bounce") return "each report to a sender is in the log";
  if (subsystem == "scheduler") return "see `show queue`, `show destinations` and `why ID`";
  if (subsystem == "stat") return "see `show stats`";
  if (subsystem == "io") return "the lines of sessions are traced with `trace smtp`";
  if (subsystem == "imsg" || subsystem == "mproc") return "there are no such messages in Ringpost";
  return {};
}

int trace(const Invocation& invocation, WallTime now, const Output& output) {
  const std::string& subsystem = invocation.arguments.front();
  const std::string_view elsewhere = told_elsewhere(subsystem);
  if (elsewhere.empty()) return ask_daemon(invocation, now, output);
  output.put(fmt::format("nothing to trace for {}: {}\n", subsystem, elsewhere));
  return exit_ok;
}

int run(const Invocation& invocation, WallTime now, const Output& output) {
  if (invocation.help) {
    output.put(usage());
    return exit_ok;
  }
  if (reads_the_spool(invocation.verb)) return run_spool_command(invocation, now, output);
  if (invocation.verb == Verb::Explain) return explain(invocation, output);
  if (invocation.verb == Verb::Trace || invocation.verb == Verb::Untrace)
    return trace(invocation, now, output);
  return ask_daemon(invocation, now, output);
}

}  // namespace

int Output::fail(std::string_view text) const {
  const std::string line = fmt::format("ringpostctl: {}\n", text);
  std::fwrite(line.data(), 1, line.size(), err);
  return exit_failed;
}

int run(std::span<const std::string> words, std::string_view home, WallTime now,
        const Output& output) {
  if (!words.empty() && words.front() == "makemap") return make_map(words.subspan(1), output);
  const auto invocation = parse_command_line(words, home);
  if (!invocation) {
    output.fail(invocation.error());
    const std::string text = usage();
    std::fwrite(text.data(), 1, text.size(), output.err);
    return exit_usage;
  }
  const int status = run(*invocation, now, output);
  if (std::fflush(output.out) != 0 || std::ferror(output.out) != 0) {
    return output.fail("the output cannot be written");
  }
  return status;
}

}  // namespace ringpost::ctl
