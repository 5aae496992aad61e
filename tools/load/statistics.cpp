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

}  // namespace

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

void Report::add(const Statistics& statistics) {
  connections += statistics.connections;
  sessions_lost += statistics.sessions_lost;
  messages += statistics.messages;
  octets += statistics.octets;
  failed += statistics.failed;
  uncertain += statistics.uncertain;
  sessions_held += statistics.sessions_held.value();
  gave_up = gave_up || statistics.gave_up;
  ledger_failed = ledger_failed || statistics.ledger_failed;
  if (statistics.first != Instant{})
    first = first == Instant{} ? statistics.first : std::min(first, statistics.first);
  last = std::max(last, statistics.last);
  statistics.latency.add_to(latency);
  latency_max_ns = std::max(latency_max_ns, statistics.latency.max());
  errors.add(statistics.errors);
}

double Report::seconds() const {
  return last > first ? static_cast<double>((last - first).ns) / 1e9 : 0;
}

std::string to_line(const Report& report) {
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
  if (report.sessions_wanted > 0)
    line += fmt::format("; {} of {} idle sessions held to the end", report.sessions_held,
                        report.sessions_wanted);
  if (report.gave_up) line += "; gave up: no connection succeeded";
  if (report.ledger_failed) line += "; the ledger could not be written";
  for (const auto& [text, count] : report.errors.by_text())
    line += fmt::format("; {} x \"{}\"", count, text);
  return line;
}

std::string to_json(const Report& report) {
  const double time = report.seconds();
  nlohmann::ordered_json object;
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
  object["gave_up"] = report.gave_up;
  object["cpu_seconds"] = report.cpu_seconds;
  object["errors"] = nlohmann::ordered_json::object();
  for (const auto& [text, count] : report.errors.by_text()) object["errors"][text] = count;
  // A server's reply may hold octets that are no UTF-8.
  return object.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace ringpost::load
