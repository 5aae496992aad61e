// sendmail(8): see sendmail.h.
#include "tools/ringpostctl/sendmail.h"

#include <array>
#include <cerrno>
#include <cstdlib>
#include <ctime>
#include <vector>

#include <fmt/format.h>
#include <pwd.h>
#include <signal.h>
#include <sys/random.h>
#include <sysexits.h>
#include <unistd.h>

#include "engine/mta/control_socket.h"
#include "engine/mta/host_name.h"
#include "engine/mta/offline_folder.h"
#include "engine/ring/clock.h"
#include "proto/base/ascii.h"
#include "proto/submission/compose.h"
#include "tools/ringpostctl/run.h"
#include "tools/ringpostctl/sendmail_options.h"
#include "tools/ringpostctl/smtp_pipe.h"
#include "tools/ringpostctl/table.h"

namespace ringpost::ctl {
namespace {

// What is read into memory at most; the daemon's own limit is usually far below.
constexpr std::size_t input_octets_max = 512u << 20;

struct Caller {
  std::uint32_t uid = getuid();
  std::string name = fmt::format("uid{}", getuid());
  std::string full_name;
};

// The first field of the GECOS entry, where '&' stands for the name.
std::string full_name_of(std::string_view gecos, std::string_view user) {
  std::string result;
  for (const char c : gecos.substr(0, gecos.find(','))) {
    if (c != '&') {
      result += c;
      continue;
    }
    const std::size_t begin = result.size();
    result += user;
    if (begin < result.size() && ascii::is_lower(result[begin]))
      result[begin] = static_cast<char>(result[begin] - 'a' + 'A');
  }
  return result;
}

Caller caller() {
  Caller result;
  const passwd* const entry = getpwuid(result.uid);
  if (entry == nullptr) return result;
  result.name = entry->pw_name;
  result.full_name = full_name_of(entry->pw_gecos, result.name);
  return result;
}

class Sendmail {
 public:
  Sendmail(SendmailOptions options, const mta::Home& home, const SendmailStreams& streams,
           const Output& output)
      : options_(std::move(options)), home_(home), streams_(streams), output_(output) {}

  int run() {
    if (options_.mode == SendmailMode::Dialogue) return dialogue();
    const Caller who = caller();
    std::string text;
    if (const int status = read_input(text); status != EX_OK) return status;
    auto message = compose(text, who);
    if (!message) {
      const bool nobody = message.error().kind == submission::Complaint::Kind::NoRecipients;
      return fail(nobody ? EX_USAGE : EX_DATAERR, message.error().text);
    }
    text = std::string();
    message->notify = options_.notify;
    message->ret = options_.ret;
    message->envelope_id = submission::xtext(options_.envelope_id);
    if (message->envelope_id.size() > smtp::envelope_id_octets_max)
      return fail(EX_USAGE, "the envelope id is too long");
    return hand_in({.uid = who.uid, .submission = std::move(*message)});
  }

 private:
  int fail(int status, std::string_view text) const {
    const std::string line = fmt::format("sendmail: {}\n", printable(text));
    std::fwrite(line.data(), 1, line.size(), output_.err);
    return status;
  }

  // Reads no further than the line that ends the message: who writes it may wait for us.
  int read_input(std::string& text) const {
    submission::DotWatch watch;
    std::vector<char> room(64 * 1024);
    while (true) {
      const ssize_t count = read(streams_.in, room.data(), room.size());
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return fail(EX_IOERR, to_text(Fault{"read", errno}));
      text.append(room.data(), static_cast<std::size_t>(count));
      if (text.size() > input_octets_max) return fail(EX_UNAVAILABLE, "the message is too large");
      if (options_.dot_ends_input) {
        if (const auto end = watch.look(text, count == 0)) {
          text.resize(*end);
          return EX_OK;
        }
      }
      if (count == 0) return EX_OK;
    }
  }

  std::expected<submission::Submission, submission::Complaint> compose(std::string_view text,
                                                                       const Caller& who) const {
    submission::ComposeInput input;
    input.text = text;
    input.recipients = options_.recipients;
    input.recipients_from_header = options_.recipients_from_header;
    input.sender = options_.sender;
    const char* const name = std::getenv("NAME");
    input.full_name = options_.full_name.value_or(name != nullptr ? name : who.full_name);
    input.user = who.name;
    input.host = mta::host_name();
    input.now = ring::wall_now();
    const std::time_t now = input.now.us / 1'000'000;
    std::tm local{};
    if (localtime_r(&now, &local) != nullptr)
      input.zone_minutes = static_cast<int>(local.tm_gmtoff / 60);
    if (getrandom(&input.unique, sizeof input.unique, 0) != sizeof input.unique)
      input.unique = static_cast<std::uint64_t>(getpid());
    return submission::compose(input);
  }

  int hand_in(const submission::OfflineMessage& message) const {
    mta::SubmitOptions options;
    options.socket_path = home_.smtp_socket();
    const mta::SubmitResult result = mta::submit(message.submission, options);
    switch (result.kind) {
      case mta::SubmitResult::Kind::Accepted:
        tell(fmt::format("{} {}", result.reply.code, result.reply.text));
        return EX_OK;
      case mta::SubmitResult::Kind::Refused:
        for (const auto& [recipient, reply] : result.refused)
          fail(EX_OK, fmt::format("{}: {} {}", recipient, reply.code, reply.text));
        return exit_status_of(result.reply.view());
      case mta::SubmitResult::Kind::NotTaken:
        break;
    }
    return keep(message, result.reason);
  }

  int keep(const submission::OfflineMessage& message, std::string_view why) const {
    const auto kept = mta::keep_offline(home_.offline_folder(), message);
    if (!kept) {
      fail(EX_OK, fmt::format("no daemon takes the message: {}", why));
      return fail(EX_TEMPFAIL,
                  fmt::format("and it cannot wait for one: {}", to_text(kept.error())));
    }
    tell(fmt::format("no daemon takes the message ({}): it waits for one", why));
    return EX_OK;
  }

  void tell(std::string_view text) const {
    if (options_.verbose) output_.put(fmt::format("{}\n", printable(text)));
  }

  int dialogue() const {
    signal(SIGPIPE, SIG_IGN);
    const auto daemon = mta::connect_control(home_.smtp_socket());
    if (!daemon) {
      constexpr std::string_view sorry = "421 4.3.2 Service not available\r\n";
      [[maybe_unused]] const ssize_t told = write(streams_.out, sorry.data(), sorry.size());
      return fail(EX_TEMPFAIL, to_text(daemon.error()));
    }
    const auto done = pump_smtp(streams_.in, streams_.out, *daemon);
    close(*daemon);
    return done ? EX_OK : fail(EX_IOERR, to_text(done.error()));
  }

  SendmailOptions options_;
  const mta::Home& home_;
  SendmailStreams streams_;
  const Output& output_;
};

// A command of ringpostctl in sendmail's clothes.
int run_command(std::vector<std::string> words, const mta::Home& home, const Output& output) {
  const int status = run(words, home.folder, ring::wall_now(), output);
  return status == exit_ok ? EX_OK : EX_UNAVAILABLE;
}

}  // namespace

std::optional<Alias> alias_of(std::string_view name) {
  if (name == "sendmail") return Alias::Sendmail;
  if (name == "mailq") return Alias::Mailq;
  if (name == "newaliases") return Alias::Newaliases;
  return std::nullopt;
}

int exit_status_of(const smtp::ReplyView& reply) {
  if (reply.severity() == 4) return EX_TEMPFAIL;
  const smtp::EnhancedStatus& status = reply.enhanced;
  if (status.subject == 1 && status.detail == 1) return EX_NOUSER;
  if (status.subject == 1 && status.detail == 2) return EX_NOHOST;
  if (status.subject == 7) return EX_NOPERM;
  if (status.subject == 1 || status.subject == 6 || reply.code == 501 || reply.code == 553)
    return EX_DATAERR;
  return EX_UNAVAILABLE;
}

int run_sendmail(Alias alias, std::span<const std::string> words, const mta::Home& home,
                 const SendmailStreams& streams, const Output& output) {
  auto options = parse_sendmail(words);
  if (!options) {
    const std::string line = fmt::format("sendmail: {}\n", printable(options.error()));
    std::fwrite(line.data(), 1, line.size(), output.err);
    return EX_USAGE;
  }
  if (alias == Alias::Mailq) options->mode = SendmailMode::ListQueue;
  if (alias == Alias::Newaliases) options->mode = SendmailMode::NewAliases;
  switch (options->mode) {
    case SendmailMode::ListQueue:
      return run_command({"show", "queue"}, home, output);
    case SendmailMode::NewAliases:
      return run_command({"reload"}, home, output);
    case SendmailMode::Flush:
      return run_command({"schedule", "all"}, home, output);
    case SendmailMode::Deliver:
    case SendmailMode::Dialogue:
      break;
  }
  const int status = Sendmail(std::move(*options), home, streams, output).run();
  std::fflush(output.out);
  return status;
}

}  // namespace ringpost::ctl
