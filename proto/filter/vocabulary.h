// The words of smtpd-filters(7), protocol 0.6: whose sessions are told of, what is told, and at
// which points a filter may decide. Sets of them are bits, so that asking costs nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

namespace ringpost::filter {

// Filters of Debian 12 look for the user of link-auth where 0.6 has it, whatever the version says;
// those that know 0.7 look at the version and take both.
inline constexpr std::string_view protocol_version = "0.6";

enum class Subsystem : std::uint8_t { SmtpIn, SmtpOut };

enum class ReportEvent : std::uint8_t {
  LinkConnect,
  LinkDisconnect,
  LinkGreeting,
  LinkIdentify,
  LinkTls,
  LinkAuth,
  TxReset,
  TxBegin,
  TxMail,
  TxRcpt,
  TxEnvelope,
  TxData,
  TxCommit,
  TxRollback,
  ProtocolClient,
  ProtocolServer,
  FilterReport,
  FilterResponse,
  Timeout,
  // Ours, of incoming sessions: what sender authentication found out about a message. Whoever does
  // not ask for it by its name is not told of it: programs exist that end at words they do not
  // know.
  TxResults,
};
inline constexpr std::size_t report_events = 20;
inline constexpr std::size_t report_events_of_everybody = 19;  // those of smtpd-filters(7)

// Filters decide about incoming sessions only; of outgoing ones they are told.
enum class Phase : std::uint8_t {
  Connect,
  Helo,
  Ehlo,
  Starttls,
  Auth,
  MailFrom,
  RcptTo,
  Data,
  DataLine,
  Rset,
  Quit,
  Noop,
  Help,
  Wiz,
  Commit,
};
inline constexpr std::size_t phases = 15;

std::string_view word_of(Subsystem subsystem);
std::string_view word_of(ReportEvent event);
std::string_view word_of(Phase phase);
// As the report filter-response calls it: "connected" and "tls" are its own words.
std::string_view response_word_of(Phase phase);
std::optional<Subsystem> subsystem_of(std::string_view word);
std::optional<ReportEvent> report_event_of(std::string_view word);
std::optional<Phase> phase_of(std::string_view word);

template <class Word>
class WordSet {
 public:
  constexpr bool contains(Word word) const { return (bits_ >> std::to_underlying(word) & 1) != 0; }
  constexpr void insert(Word word) { bits_ |= 1u << std::to_underlying(word); }
  constexpr bool empty() const { return bits_ == 0; }
  constexpr bool operator==(const WordSet&) const = default;

 private:
  std::uint32_t bits_ = 0;
};

// What a process has registered for.
struct Interest {
  WordSet<ReportEvent> reports_in, reports_out;
  WordSet<Phase> decisions;  // of incoming sessions

  constexpr bool wants(Subsystem subsystem, ReportEvent event) const {
    return (subsystem == Subsystem::SmtpIn ? reports_in : reports_out).contains(event);
  }
  constexpr bool decides(Phase phase) const { return decisions.contains(phase); }
  constexpr bool operator==(const Interest&) const = default;
};

}  // namespace ringpost::filter
