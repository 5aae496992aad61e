// Control commands: see control_commands.h; rows and words are those of control_rows.h.
#include "engine/mta/control_commands.h"

#include <algorithm>

#include <fmt/ranges.h>

#include "engine/mta/queue_listing.h"
#include "engine/ring/clock.h"

namespace ringpost::mta {
namespace {

constexpr Duration answer_max = seconds(10);
constexpr std::string_view too_slow = "a core did not answer in time; try again";

// The ids named, or nothing for the single word "all"; fails the reply when a word is neither.
std::optional<std::vector<QueueId>> ids_of(const ControlRequest& request, ControlReply& reply) {
  std::vector<QueueId> ids;
  for (const std::string& word : request.arguments) {
    const auto id = parse_queue_id(word);
    if (!id) {
      reply.fail(fmt::format("{} is not a queue id (16 hex digits)", word));
      return std::nullopt;
    }
    ids.push_back(*id);
  }
  if (ids.empty()) reply.fail("name a queue id, or all");
  return ids;
}

using Count = Gathering<std::uint64_t>;

std::optional<std::uint64_t> sum(Count& counts) {
  const auto answers = counts.wait(answer_max);
  if (!answers) return std::nullopt;
  std::uint64_t total = 0;
  for (const std::uint64_t one : *answers) total += one;
  return total;
}

}  // namespace

ControlCommands::ControlCommands(std::span<Worker* const> workers, observe::EventLog& log,
                                 std::vector<const observe::CoreMetrics*> metrics,
                                 const observe::FilterMetrics& filter_metrics,
                                 const observe::LabelledCounters& counters, Reloader& reloader,
                                 std::function<void()> discover, DmarcReporter& reporter,
                                 std::function<void()> stop, std::uint64_t restarts)
    : workers_(workers.begin(), workers.end()),
      queue_(workers),
      outgoing_(workers),
      log_(log),
      metrics_(std::move(metrics)),
      filter_metrics_(filter_metrics),
      counters_(counters),
      reloader_(reloader),
      discover_(std::move(discover)),
      reporter_(reporter),
      stop_(std::move(stop)),
      restarts_(restarts) {}

void ControlCommands::register_on(ControlServer& server) {
  using Request = const ControlRequest&;
  server.on("show queue", [this](Request q, ControlReply& r) { queue_.show(q, r); });
  server.on("why", [this](Request q, ControlReply& r) { outgoing_.why(q, r); });
  server.on("show destinations",
            [this](Request q, ControlReply& r) { outgoing_.destinations(q, r); });
  server.on("show hosts", [this](Request q, ControlReply& r) { outgoing_.hosts(q, r); });
  server.on("show routes", [this](Request q, ControlReply& r) { outgoing_.routes(q, r); });
  server.on("show envelope", [this](Request q, ControlReply& r) { show_envelope(q, r); });
  server.on("show stats", [this](Request q, ControlReply& r) { show_stats(q, r); });
  const auto order = [this, &server](const char* command, OperatorOrder what, const char* done) {
    server.on(command, [this, what, done](Request q, ControlReply& r) {
      queue_.order(q, r, what, done);
      if (q.after.empty() || r.failed()) note(q, r);  // further pages belong to the same command
    });
  };
  order("schedule", OperatorOrder::Schedule, "scheduled");
  order("remove", OperatorOrder::Remove, "removed");
  order("bounce", OperatorOrder::Bounce, "bounced");
  order("hold", OperatorOrder::Hold, "held");
  order("release", OperatorOrder::Release, "released");
  order("reroute", OperatorOrder::Reroute, "rerouted");
  server.on("pause", [this](Request q, ControlReply& r) { pause(q, r, true), note(q, r); });
  server.on("resume", [this](Request q, ControlReply& r) { pause(q, r, false), note(q, r); });
  server.on("log", [this](Request q, ControlReply& r) { log_level(q, r), note(q, r); });
  server.on("trace", [this](Request q, ControlReply& r) { trace(q, r, true), note(q, r); });
  server.on("untrace", [this](Request q, ControlReply& r) { trace(q, r, false), note(q, r); });
  server.on("flush decisions", [this](Request, ControlReply& r) { flush_decisions(r); });
  server.on("reload", [this](Request q, ControlReply& r) { reload(r), note(q, r); });
  server.on("update table", [this](Request q, ControlReply& r) { update_table(q, r), note(q, r); });
  server.on("discover", [this](Request q, ControlReply& r) { discover_(), note(q, r); });
  server.on("show dmarc", [this](Request, ControlReply& r) { show_dmarc(r); });
  server.on("send dmarc", [this](Request q, ControlReply& r) { reporter_.send_now(), note(q, r); });
  server.on("stop", [this](Request q, ControlReply& r) { note(q, r), stop_(); });
}

void ControlCommands::note(const ControlRequest& request, const ControlReply& reply) {
  const std::string arguments = fmt::format("{}", fmt::join(request.arguments, " "));
  log_.emit(ring::wall_now(),
            observe::ControlCommand{
                .command = request.command, .arguments = arguments, .ok = !reply.failed()});
}

void ControlCommands::show_envelope(const ControlRequest& request, ControlReply& reply) {
  const auto ids = ids_of(request, reply);
  if (!ids || ids->empty()) return;
  const QueueId id = ids->front();
  auto gathering = std::make_shared<Gathering<Json>>(workers_.size());
  for (Worker* worker : workers_)
    worker->post([id, gathering](Worker& on) {
      on.dispatcher().run(mta::show_envelope(on, id, gathering));
    });
  const auto answers = gathering->wait(answer_max);
  if (!answers) {
    reply.fail(too_slow);
    return;
  }
  for (const Json& answer : *answers) {
    if (answer.is_null()) continue;
    reply.row(answer);
    return;
  }
  reply.fail(fmt::format("no message {} is in the queue", to_text(id)));
}

void ControlCommands::show_stats(const ControlRequest&, ControlReply& reply) {
  for (const observe::Sample& sample : observe::samples(metrics_)) reply.row(to_json(sample));
  for (const observe::Sample& sample : filter_metrics_.samples()) reply.row(to_json(sample));
  for (const observe::Sample& sample : counters_.samples()) reply.row(to_json(sample));
  reply.row(to_json(observe::Sample{.name = "ringpost_process_engine_restarts_total",
                                    .help = "engines that crashed and were made anew",
                                    .kind = observe::SampleKind::Counter,
                                    .label = {},
                                    .value = restarts_}));
  for (const CertificateEnd& one : reloader_.ends()) {
    const auto end = static_cast<std::uint64_t>(std::max<std::int64_t>(one.end.seconds(), 0));
    reply.row(to_json(observe::Sample{
        .name = "ringpost_certificate_end_seconds",
        .help = "when this certificate ends, seconds since 1970",
        .kind = observe::SampleKind::Gauge,
        .label = fmt::format("pki=\"{}\",file=\"{}\"", observe::label_value(one.pki),
                             observe::label_value(one.file)),
        .value = end}));
  }
}

void ControlCommands::pause(const ControlRequest& request, ControlReply& reply, bool paused) {
  if (request.arguments.empty() && paused) {
    reply.row(Json{{"name", "mda"}, {"paused", mda_paused_}});
    outgoing_.list_pauses(reply);
    reply.row(Json{{"name", "smtp"}, {"paused", smtp_paused_}});
    return;
  }
  if (outgoing_.pause(request.arguments, paused, reply)) return;
  const std::string what = request.arguments.size() == 1 ? request.arguments.front() : "";
  auto counts = std::make_shared<Count>(workers_.size());
  std::function<void(Worker&)> call;
  if (what == "mda") {
    mda_paused_ = paused;
    call = [counts, paused](Worker& on) { on.dispatcher().pause(paused), counts->answer(1); };
  } else if (what == "smtp") {
    smtp_paused_ = paused;
    call = [counts, paused](Worker& on) { on.pause_listeners(paused), counts->answer(1); };
  } else {
    reply.fail("mda, mta, mta for DOMAIN and smtp can be paused and resumed");
    return;
  }
  for (Worker* worker : workers_) worker->post(call);
  if (!sum(*counts)) reply.fail(too_slow);
}

namespace {

// Mistakes are the error, one below the other; notes on what was done are rows.
void tell(const ReloadReport& report, ControlReply& reply) {
  if (!report.done) {
    reply.fail(fmt::format("nothing has changed:\n{}", fmt::join(report.messages, "\n")));
    return;
  }
  for (const std::string& message : report.messages) reply.row(Json{{"note", message}});
}

}  // namespace

void ControlCommands::reload(ControlReply& reply) { tell(reloader_.reload(), reply); }

void ControlCommands::update_table(const ControlRequest& request, ControlReply& reply) {
  if (request.arguments.size() != 1) {
    reply.fail("name one table");
    return;
  }
  tell(reloader_.update_table(request.arguments.front()), reply);
}

void ControlCommands::trace(const ControlRequest& request, ControlReply& reply, bool wanted) {
  const std::string word = request.arguments.size() == 1 ? request.arguments.front() : "";
  const auto subsystem = observe::subsystem_of(word);
  if (subsystem) {
    log_.set_shown(observe::Shown::of(*subsystem), wanted);
  } else if (word == "all") {
    log_.set_shown(observe::Shown::all_subsystems(), wanted);
  } else {
    reply.fail(fmt::format("{}, and all can be traced", fmt::join(observe::subsystem_words, ", ")));
  }
}

// What the cores have recorded is in the file, or lost, when this is answered.
void ControlCommands::flush_decisions(ControlReply& reply) {
  auto counts = std::make_shared<Count>(workers_.size());
  for (Worker* worker : workers_)
    worker->post(
        [counts](Worker& on) { on.parts().decisions->flush([counts] { counts->answer(1); }); });
  if (!sum(*counts)) reply.fail(too_slow);
}

void ControlCommands::show_dmarc(ControlReply& reply) {
  const auto gathered = reporter_.gathered();
  if (!gathered) return reply.fail(too_slow);
  for (const GatheredReport& one : *gathered) {
    const Json row{{"domain", one.domain},
                   {"messages", one.messages},
                   {"begin", one.period.begin},
                   {"end", one.period.end}};
    if (!reply.row(row)) return;
  }
}

void ControlCommands::log_level(const ControlRequest& request, ControlReply& reply) {
  const std::string word = request.arguments.size() == 1 ? request.arguments.front() : "";
  if (word == "brief") {
    log_.set_level(observe::Level::Brief);
  } else if (word == "verbose") {
    log_.set_level(observe::Level::Verbose);
  } else if (word == "reopen") {
    log_.request_reopen();
  } else {
    reply.fail("log takes brief, verbose or reopen");
  }
}

}  // namespace ringpost::mta
