// Reports of outgoing connections: see outgoing_reports.h.
#include "engine/mta/outgoing_reports.h"

#include <fmt/format.h>

#include "engine/net/source_address.h"
#include "proto/filter/request.h"

namespace ringpost::mta {
namespace {

using filter::ReportEvent;

void bind(FilterProcesses& processes, const conf::Filter& filter,
          std::vector<FilterBinding>& bindings) {
  for (const conf::Filter* const link : filter.chain) bind(processes, *link, bindings);
  if (filter.kind != conf::FilterKind::Process) return;
  FilterBinding binding = processes.bind(*filter.process);
  if (binding) bindings.push_back(std::move(binding));
}

}  // namespace

std::unique_ptr<OutgoingReports> OutgoingReports::of(WorkerParts& parts, const NextHop& next,
                                                     const Hop& hop,
                                                     const std::optional<net::Address>& source) {
  if (next.options_of.empty()) return nullptr;
  const conf::Action* action = parts.generation->config.find_action(next.options_of);
  if (action == nullptr || action->relay.filter == nullptr) return nullptr;
  std::vector<FilterBinding> bindings;
  bind(*parts.filters, *action->relay.filter, bindings);
  if (bindings.empty()) return nullptr;
  std::unique_ptr<OutgoingReports> reports(
      new OutgoingReports(parts, parts.generation, std::move(bindings), next.lmtp));
  reports->connected(hop, source);
  return reports;
}

OutgoingReports::OutgoingReports(WorkerParts& parts, std::shared_ptr<const Generation> generation,
                                 std::vector<FilterBinding> bindings, bool lmtp)
    : watch(*this, lmtp),
      parts_(parts),
      generation_(std::move(generation)),
      bindings_(std::move(bindings)),
      session_(parts.filters->new_outgoing_session()) {}

// The port that the kernel chose is not known: the descriptor is the ring's alone.
void OutgoingReports::connected(const Hop& hop, const std::optional<net::Address>& source) {
  const auto* target = std::get_if<net::Address>(&hop.where);
  if (target == nullptr)
    return overheard(ReportEvent::LinkConnect, {"<unknown>", "error", "local", hop.name});
  const auto from = source ? source : net::source_toward(*target);
  const bool is_named = !net::Address::parse(hop.host, 0);
  overheard(ReportEvent::LinkConnect,
            {is_named ? std::string_view(hop.host) : std::string_view("<unknown>"),
             is_named ? "pass" : "error", from ? from->to_text() : std::string("0.0.0.0:0"),
             target->to_text()});
}

void OutgoingReports::encrypted(const tls::ChannelFacts& facts) {
  overheard(ReportEvent::LinkTls,
            {fmt::format("{}:{}:{}", facts.version, facts.cipher, facts.cipher_bits)});
}

void OutgoingReports::overheard(ReportEvent event, std::initializer_list<std::string_view> fields) {
  line_.clear();
  for (FilterBinding& binding : bindings_) {
    if (!binding || !binding.wants(filter::Subsystem::SmtpOut, event)) continue;
    if (line_.empty())
      filter::append_report(line_,
                            {.subsystem = filter::Subsystem::SmtpOut,
                             .at = parts_.core.wall(),
                             .session = session_.value},
                            event, fields);
    parts_.filters->report(binding, line_);
  }
}

}  // namespace ringpost::mta
