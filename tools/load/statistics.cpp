// Sums, rates and their two printed forms; see statistics.h.
#include "tools/load/statistics.h"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace ringpost::load {
namespace {

double per_second(std::uint64_t count, double seconds) {
  return seconds > 0 ? static_cast<double>(count) / seconds : 0;
}

double milliseconds_of(const Report& report, unsigned permille) {
  const std::uint64_t ns = observe::quantile(report.latency, permille);
  return static_cast<double>(std::min(ns, report.latency_max_ns)) / 1e6;
}

void append_sink(std::string& line, const SinkCounts& counts) {
  const DestinationCounts sum = counts.sum();
  const auto used = std::ranges::count_if(counts.destinations,
                                          [](const auto& one) { return one.connections > 0; });
  line += fmt::format(
      "; {} recipients at {} of {} destinations, {} refused, {} dropped, {} times what was not "
      "announced",
      sum.recipients, used, counts.destinations.size(), sum.refused, sum.dropped,
      counts.unannounced);
}

using Object = nlohmann::ordered_json;

Object destinations_of(const SinkCounts& counts, const Options& options) {
  Object all = Object::object();
  for (std::size_t i = 0; i < counts.destinations.size(); ++i) {
    const DestinationCounts& one = counts.destinations[i];
    if (one.connections == 0) continue;
    all[options.listen[i].to_text()] = {{"connections", one.connections},
                                        {"messages", one.messages},
                                        {"recipients", one.recipients},
                                        {"refused", one.refused},
                                        {"dropped", one.dropped}};
  }
  return all;
}

void add_sink(Object& object, const SinkCounts& counts, const Options& options) {
  const DestinationCounts sum = counts.sum();
  object["recipients"] = sum.recipients;
  object["refused"] = sum.refused;
  object["dropped"] = sum.dropped;
  object["unannounced"] = counts.unannounced;
  object["rules"] = Object::array();
  for (std::size_t i = 0; i < counts.rules.size(); ++i)
    object["rules"].push_back({{"line", options.rules[i].line},
                               {"rule", options.rules[i].text},
                               {"acted", counts.rules[i]}});
  object["destinations"] = destinations_of(counts, options);
}

}  // namespace

void DestinationCounts::add(const DestinationCounts& other) {
  connections += other.connections;
  messages += other.messages;
  recipients += other.recipients;
  refused += other.refused;
  dropped += other.dropped;
}

void HandshakeCounts::add(const HandshakeCounts& other) {
  full += other.full;
  resumed += other.resumed;
  failed += other.failed;
}

void SinkCounts::add(const SinkCounts& other) {
  destinations.resize(std::max(destinations.size(), other.destinations.size()));
  for (std::size_t i = 0; i < other.destinations.size(); ++i)
    destinations[i].add(other.destinations[i]);
  rules.resize(std::max(rules.size(), other.rules.size()));
  for (std::size_t i = 0; i < other.rules.size(); ++i) rules[i] += other.rules[i];
  unannounced += other.unannounced;
}

DestinationCounts SinkCounts::sum() const {
  DestinationCounts sum;
  for (const DestinationCounts& one : destinations) sum.add(one);
  return sum;
}

void ErrorCounts::add(std::string_view text, std::uint64_t count) {
  text = text.substr(0, std::min(text.find('\n'), text_octets_max));
  auto place = by_text_.find(text);
  if (place == by_text_.end() && by_text_.size() >= texts_max) text = "other";
  by_text_[std::string(text)] += count;
}

void ErrorCounts::add(const ErrorCounts& other) {
  for (const auto& [text, count] : other.by_text_) add(text, count);
}

void Statistics::begin(Instant now) {
  if (first == Instant{}) first = now;
}

void Statistics::end(Instant now) { last = std::max(last, now); }

Report Report::of(const Statistics& statistics) {
  Report report;
  report.connections = statistics.connections;
  report.sessions_lost = statistics.sessions_lost;
  report.messages = statistics.messages;
  report.octets = statistics.octets;
  report.failed = statistics.failed;
  report.uncertain = statistics.uncertain;
  report.sessions_held = statistics.sessions_held.value();
  report.gave_up = statistics.gave_up;
  report.ledger_failed = statistics.ledger_failed;
  report.first = statistics.first;
  report.last = statistics.last;
  statistics.latency.add_to(report.latency);
  report.latency_max_ns = statistics.latency.max();
  report.handshakes = statistics.handshakes;
  report.errors = statistics.errors;
  report.sink = statistics.sink;
  return report;
}

void Report::add(const Report& other) {
  connections += other.connections;
  sessions_lost += other.sessions_lost;
  messages += other.messages;
  octets += other.octets;
  failed += other.failed;
  uncertain += other.uncertain;
  sessions_held += other.sessions_held;
  gave_up = gave_up || other.gave_up;
  ledger_failed = ledger_failed || other.ledger_failed;
  if (other.first != Instant{})
    first = first == Instant{} ? other.first : std::min(first, other.first);
  last = std::max(last, other.last);
  for (std::size_t i = 0; i < latency.size(); ++i) latency[i] += other.latency[i];
  latency_max_ns = std::max(latency_max_ns, other.latency_max_ns);
  handshakes.add(other.handshakes);
  errors.add(other.errors);
  sink.add(other.sink);
}

double Report::seconds() const {
  return last > first ? static_cast<double>((last - first).ns) / 1e9 : 0;
}

std::string to_line(const Report& report, const Options& options) {
  const double time = report.seconds();
  std::string line = fmt::format(
      "{} messages in {:.3f} s: {:.0f} messages/s, {:.1f} MB/s; latency ms p50 {:.2f} p99 {:.2f} "
      "p99.9 {:.2f} max {:.2f}; {} connections, {} failed ({} uncertain), {} sessions lost; "
      "cpu {:.3f} s",
      report.messages, time, per_second(report.messages, time),
      per_second(report.octets, time) / 1e6, milliseconds_of(report, 500),
      milliseconds_of(report, 990), milliseconds_of(report, 999),
      static_cast<double>(report.latency_max_ns) / 1e6, report.connections, report.failed,
      report.uncertain, report.sessions_lost, report.cpu_seconds);
  if (options.encryption != Encryption::None)
    line += fmt::format("; {} full handshakes, {} resumed, {} failed", report.handshakes.full,
                        report.handshakes.resumed, report.handshakes.failed);
  if (report.sessions_wanted > 0)
    line += fmt::format("; {} of {} idle sessions held to the end", report.sessions_held,
                        report.sessions_wanted);
  if (options.mode == Mode::Sink) append_sink(line, report.sink);
  if (report.gave_up) line += "; gave up: no connection succeeded";
  if (report.ledger_failed) line += "; the ledger could not be written";
  for (const auto& [text, count] : report.errors.by_text())
    line += fmt::format("; {} x \"{}\"", count, text);
  return line;
}

std::string to_json(const Report& report, const Options& options) {
  const double time = report.seconds();
  Object object;
  object["messages"] = report.messages;
  object["seconds"] = time;
  object["messages_per_second"] = per_second(report.messages, time);
  object["octets"] = report.octets;
  object["octets_per_second"] = per_second(report.octets, time);
  object["latency_ms"]["p50"] = milliseconds_of(report, 500);
  object["latency_ms"]["p99"] = milliseconds_of(report, 990);
  object["latency_ms"]["p99.9"] = milliseconds_of(report, 999);
  object["latency_ms"]["max"] = static_cast<double>(report.latency_max_ns) / 1e6;
  object["connections"] = report.connections;
  object["failed"] = report.failed;
  object["uncertain"] = report.uncertain;
  object["sessions_lost"] = report.sessions_lost;
  object["sessions_held"] = report.sessions_held;
  if (options.encryption != Encryption::None)
    object["handshakes"] = {{"full", report.handshakes.full},
                            {"resumed", report.handshakes.resumed},
                            {"failed", report.handshakes.failed}};
  object["gave_up"] = report.gave_up;
  object["cpu_seconds"] = report.cpu_seconds;
  object["errors"] = Object::object();
  for (const auto& [text, count] : report.errors.by_text()) object["errors"][text] = count;
  if (options.mode == Mode::Sink) add_sink(object, report.sink, options);
  // A server's reply may hold octets that are no UTF-8.
  return object.dump(-1, ' ', false, Object::error_handler_t::replace);
}

}  // namespace ringpost::load
