// Damage is reported with the file and the place, and never stops the work on what is whole.
#include "tools/ringpostctl/spool_commands.h"

#include <algorithm>
#include <cerrno>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/mta/control_rows.h"
#include "tools/ringpostctl/show.h"
#include "tools/ringpostctl/spool_reader.h"
#include "tools/ringpostctl/table.h"

namespace ringpost::ctl {
namespace {

// One line of `spool ls`: a message with what is left to do for it.
Json message_json(const store::MessageSummary& message, const store::Envelope& envelope) {
  const mta::EnvelopeRow row = mta::envelope_row(message.id, envelope);
  Json to = Json::array();
  std::uint64_t pending = 0;
  std::uint32_t attempts = 0;
  WallTime next{};
  for (const store::Recipient& recipient : envelope.recipients) {
    to.push_back(recipient.accepted_address);
    attempts = std::max<std::uint32_t>(attempts, recipient.progress.attempts);
    if (store::is_final(recipient.progress.status)) continue;
    // Nothing for who was never tried, which is earlier than any other time.
    const WallTime try_at = mta::next_try(recipient.progress);
    next = pending++ == 0 ? try_at : std::min(next, try_at);
  }
  Json json = mta::to_json(row);
  return Json{{"id", json["id"]},     {"accepted", json["accepted"]},
              {"octets", row.octets}, {"from", row.from},
              {"to", std::move(to)},  {"pending", pending},
              {"attempts", attempts}, {"next_try", mta::time_json(next)}};
}

int list(const SpoolReader& reader, const Invocation& invocation, WallTime now,
         const Output& output) {
  std::vector<Json> rows;
  int status = exit_ok;
  for (const store::MessageSummary& message : reader.spool().messages) {
    const auto envelope = reader.envelope(message);
    if (envelope) {
      rows.push_back(message_json(message, *envelope));
    } else if (!envelope.error().changed) {
      status = output.fail(fmt::format("{}: {}", to_text(message.id), to_text(envelope.error())));
    }
  }
  if (!invocation.json) {
    output.put(messages_text(rows, now));
    return status;
  }
  for (const Json& row : rows) output.put_line(row);
  return status;
}

int cat(const SpoolReader& reader, const Invocation& invocation, const Output& output) {
  const std::string& name = invocation.arguments[0];
  const store::MessageSummary* message = reader.find(*parse_queue_id(name));
  if (message == nullptr) return output.fail(fmt::format("no message {} in the spool", name));
  const auto envelope = reader.envelope(*message);
  if (!envelope) return output.fail(fmt::format("{}: {}", name, to_text(envelope.error())));
  // Checked as a whole first: half a message on standard output would look like a message.
  auto done = reader.verify(envelope->extents);
  if (done) {
    done = reader.read(envelope->extents, [&](Bytes octets) { return output.put(octets); });
  }
  if (!done) return output.fail(fmt::format("{}: {}", name, to_text(done.error())));
  return exit_ok;
}

// What `spool verify` found, message by message.
struct Verification {
  std::uint64_t messages = 0;
  std::uint64_t octets = 0;
  std::uint64_t changed = 0;
  std::uint64_t damaged = 0;
};

void report(Verification& result, const Flaw& flaw, std::string_view id,
            const Invocation& invocation, const Output& output) {
  if (flaw.changed) {
    ++result.changed;
    return;
  }
  ++result.damaged;
  if (invocation.json) {
    output.put_line(Json{{"damage", flaw.reason},
                         {"file", flaw.file},
                         {"offset", flaw.offset},
                         {"id", id.empty() ? Json(nullptr) : Json(id)}});
  } else {
    const std::string whose = id.empty() ? std::string() : fmt::format(" (message {})", id);
    output.put(fmt::format("{}{}\n", printable(to_text(flaw)), whose));
  }
}

void verify_message(const SpoolReader& reader, const store::MessageSummary& message,
                    Verification& result, const Invocation& invocation, const Output& output) {
  const std::string id = to_text(message.id);
  const auto envelope = reader.envelope(message);
  if (!envelope) return report(result, envelope.error(), id, invocation, output);
  const auto verified = reader.verify(envelope->extents);
  if (!verified) return report(result, verified.error(), id, invocation, output);
  ++result.messages;
  result.octets += store::content_octets(*envelope);
}

int verify(const SpoolReader& reader, const Invocation& invocation, const Output& output) {
  Verification result;
  for (const store::Damage& damage : reader.spool().damaged) {
    const Flaw flaw{
        .file = reader.file_of(damage),
        .segment = damage.segment.value,
        .offset = damage.begin,
        .reason = fmt::format("{}, to octet {}", store::to_text(damage.reason), damage.end)};
    report(result, flaw, {}, invocation, output);
  }
  for (const store::MessageSummary& message : reader.spool().messages) {
    verify_message(reader, message, result, invocation, output);
  }
  const std::uint64_t torn = reader.spool().torn_octets;
  if (invocation.json) {
    output.put_line(Json{{"segments", reader.segments()},
                         {"messages", result.messages},
                         {"octets", result.octets},
                         {"torn_octets", torn},
                         {"changed", result.changed},
                         {"damaged", result.damaged}});
  } else {
    output.put(fmt::format("{} segments; {} messages with {} octets of content are whole\n",
                           reader.segments(), result.messages, result.octets));
    if (torn != 0) {
      output.put(
          fmt::format("{} octets of unfinished writes at the end: normal after a crash, "
                      "nothing acknowledged is in them\n",
                      torn));
    }
    if (result.changed != 0) {
      output.put(fmt::format("{} messages were removed by the daemon meanwhile\n", result.changed));
    }
    output.put(fmt::format("{} places are damaged\n", result.damaged));
  }
  return result.damaged == 0 ? exit_ok : exit_failed;
}

// A new file under the export folder; never one that is there already.
class NewFile {
 public:
  static std::expected<NewFile, Fault> create(int folder, const std::string& name) {
    const int file = openat(folder, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file < 0) return std::unexpected(Fault{"create", errno, name});
    return NewFile(file, name);
  }
  NewFile(NewFile&& other) noexcept
      : file_(std::exchange(other.file_, -1)), name_(std::move(other.name_)) {}
  NewFile& operator=(NewFile&&) = delete;
  ~NewFile() {
    if (file_ >= 0) close(file_);
  }

  bool write(Bytes octets) {
    while (!octets.empty() && fault_.code == 0) {
      const ssize_t count = ::write(file_, octets.data(), octets.size());
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) fault_ = Fault{"write", errno, name_};
      if (count > 0) octets = octets.subspan(static_cast<std::size_t>(count));
    }
    return fault_.code == 0;
  }
  std::expected<void, Fault> finish() {
    if (fault_.code == 0 && fsync(file_) != 0) fault_ = Fault{"fsync", errno, name_};
    if (fault_.code != 0) return std::unexpected(fault_);
    return {};
  }

 private:
  NewFile(int file, std::string name) : file_(file), name_(std::move(name)) {}
  int file_;
  std::string name_;
  Fault fault_{"write", 0, {}};
};

std::expected<void, std::string> export_message(const SpoolReader& reader,
                                                const store::MessageSummary& message, int folder) {
  const std::string id = to_text(message.id);
  const auto envelope = reader.envelope(message);
  if (!envelope) return std::unexpected(to_text(envelope.error()));
  if (auto verified = reader.verify(envelope->extents); !verified) {
    return std::unexpected(to_text(verified.error()));
  }
  auto content = NewFile::create(folder, id + ".eml");
  if (!content) return std::unexpected(to_text(content.error()));
  const auto read =
      reader.read(envelope->extents, [&](Bytes octets) { return content->write(octets); });
  if (!read) return std::unexpected(to_text(read.error()));
  if (auto done = content->finish(); !done) return std::unexpected(to_text(done.error()));
  auto description = NewFile::create(folder, id + ".json");
  if (!description) return std::unexpected(to_text(description.error()));
  const Json json = mta::to_json(mta::envelope_row(message.id, *envelope));
  description->write(bytes_of(json.dump(2, ' ', false, Json::error_handler_t::replace) + '\n'));
  if (auto done = description->finish(); !done) return std::unexpected(to_text(done.error()));
  return {};
}

int export_all(const SpoolReader& reader, const Invocation& invocation, const Output& output) {
  const std::string& path = invocation.arguments[0];
  if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
    return output.fail(to_text(Fault{"mkdir", errno, path}));
  }
  const int folder = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) return output.fail(to_text(Fault{"open", errno, path}));
  std::uint64_t exported = 0;
  int status = exit_ok;
  for (const store::MessageSummary& message : reader.spool().messages) {
    const auto done = export_message(reader, message, folder);
    if (done) {
      ++exported;
    } else {
      status = output.fail(fmt::format("{}: {}", to_text(message.id), done.error()));
    }
  }
  fsync(folder);
  close(folder);
  if (invocation.json) {
    output.put_line(Json{{"exported", exported}});
  } else {
    output.put(fmt::format("{} messages exported to {}\n", exported, printable(path)));
  }
  return status;
}

}  // namespace

int run_spool_command(const Invocation& invocation, WallTime now, const Output& output) {
  const auto reader = SpoolReader::open(invocation.spool_path);
  if (!reader)
    return output.fail(fmt::format("cannot read the spool: {}", to_text(reader.error())));
  switch (invocation.verb) {
    case Verb::SpoolList:
      return list(*reader, invocation, now, output);
    case Verb::SpoolVerify:
      return verify(*reader, invocation, output);
    case Verb::SpoolExport:
      return export_all(*reader, invocation, output);
    default:
      return cat(*reader, invocation, output);
  }
}

}  // namespace ringpost::ctl
