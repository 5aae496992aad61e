// The words of smtpd-filters(7): see vocabulary.h.
#include "proto/filter/vocabulary.h"

#include <algorithm>
#include <array>

namespace ringpost::filter {
namespace {

constexpr std::array<std::string_view, 2> subsystem_words = {"smtp-in", "smtp-out"};
constexpr std::array<std::string_view, report_events> event_words = {
    "link-connect",    "link-disconnect", "link-greeting",   "link-identify", "link-tls",
    "link-auth",       "tx-reset",        "tx-begin",        "tx-mail",       "tx-rcpt",
    "tx-envelope",     "tx-data",         "tx-commit",       "tx-rollback",   "protocol-client",
    "protocol-server", "filter-report",   "filter-response", "timeout",       "tx-results"};
constexpr std::array<std::string_view, phases> phase_words = {
    "connect",   "helo", "ehlo", "starttls", "auth", "mail-from", "rcpt-to", "data",
    "data-line", "rset", "quit", "noop",     "help", "wiz",       "commit"};

template <class Word, std::size_t count>
std::optional<Word> find(const std::array<std::string_view, count>& words, std::string_view word) {
  const auto found = std::ranges::find(words, word);
  if (found == words.end()) return std::nullopt;
  return static_cast<Word>(found - words.begin());
}

}  // namespace

std::string_view word_of(Subsystem subsystem) {
  return subsystem_words[std::to_underlying(subsystem)];
}

std::string_view word_of(ReportEvent event) { return event_words[std::to_underlying(event)]; }

std::string_view word_of(Phase phase) { return phase_words[std::to_underlying(phase)]; }

std::string_view response_word_of(Phase phase) {
  if (phase == Phase::Connect) return "connected";
  if (phase == Phase::Starttls) return "tls";
  return word_of(phase);
}

std::optional<Subsystem> subsystem_of(std::string_view word) {
  return find<Subsystem>(subsystem_words, word);
}

std::optional<ReportEvent> report_event_of(std::string_view word) {
  return find<ReportEvent>(event_words, word);
}

std::optional<Phase> phase_of(std::string_view word) { return find<Phase>(phase_words, word); }

}  // namespace ringpost::filter
