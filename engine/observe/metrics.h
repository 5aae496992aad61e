// The figures of one core, one struct per module, summed over cores when somebody asks.
// Owner: the core writes its own CoreMetrics; any thread may read. The names and helps stand once,
// beside the fields in each(): `show stats` and a Prometheus page both iterate over samples() and
// need no second list.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/observe/counter.h"
#include "engine/observe/reason.h"

namespace ringpost::observe {

template <class Reason, std::size_t count>
struct CounterByReason {
  std::array<Counter, count> counters;
  Counter& operator[](Reason reason) { return counters[std::to_underlying(reason)]; }
  const Counter& operator[](Reason reason) const { return counters[std::to_underlying(reason)]; }
};
using ClosedByReason = CounterByReason<CloseReason, close_reason_words.size()>;
using FilteredByWord = CounterByReason<FilterWord, filter_words.size()>;
using RefusedByReason = CounterByReason<RefuseReason, refuse_reason_words.size()>;

struct SessionMetrics {
  Counter opened;
  ClosedByReason closed;
  RefusedByReason refused;
  LimitGauge connections;
  Counter commands;
  Counter replies_permanent;  // 5yz
  Counter replies_temporary;  // 4yz
  Counter messages_accepted;
  Counter messages_refused;
  Counter recipients_accepted;
  Counter recipients_refused;
  Counter octets_received;
  Histogram commit_wait;  // µs from the end of the content to durable
  Counter tls_full;
  Counter tls_resumed;
  Counter tls_failed;
  FilteredByWord filtered;
  Gauge certificate_end;  // of that which ends first; one for all cores, set by core 0

  template <class Visit>
  static void each(auto& self, Visit&& visit) {
    visit("ringpost_session_opened_total", "connections that became sessions", self.opened);
    visit("ringpost_session_closed_total", "sessions ended, by reason", self.closed);
    visit("ringpost_session_refused_total", "connections turned away, by reason", self.refused);
    visit("connections", "open sessions", self.connections);
    visit("ringpost_session_commands_total", "commands received", self.commands);
    visit("ringpost_session_replies_permanent_total", "5yz replies", self.replies_permanent);
    visit("ringpost_session_replies_temporary_total", "4yz replies", self.replies_temporary);
    visit("ringpost_session_messages_accepted_total", "messages durable and acknowledged",
          self.messages_accepted);
    visit("ringpost_session_messages_refused_total", "messages refused after their content",
          self.messages_refused);
    visit("ringpost_session_recipients_accepted_total", "RCPT commands accepted",
          self.recipients_accepted);
    visit("ringpost_session_recipients_refused_total", "RCPT commands refused",
          self.recipients_refused);
    visit("ringpost_session_received_octets_total", "octets received from clients",
          self.octets_received);
    visit("ringpost_session_commit_wait_microseconds", "end of content until durable",
          self.commit_wait);
    visit("ringpost_session_tls_full_total", "TLS handshakes with a signature", self.tls_full);
    visit("ringpost_session_tls_resumed_total", "TLS sessions resumed", self.tls_resumed);
    visit("ringpost_session_tls_failed_total", "TLS handshakes that failed", self.tls_failed);
    visit("ringpost_session_filtered_total", "what filters said, by decision", self.filtered);
    visit("ringpost_session_certificate_end_seconds",
          "when the first certificate ends, seconds since 1970; 0: there is none",
          self.certificate_end);
  }
};

struct SpoolMetrics {
  Counter commits;                   // durable writes
  Counter commit_octets;             // written to disk, padding included
  Counter content_copied_octets;     // gathered into a batch by one copy
  Counter content_zero_copy_octets;  // written from the buffers they were received in
  Histogram commit_messages;         // envelopes in one commit
  Histogram commit_latency;          // µs of one durable write
  Counter faults;
  Counter relocated_messages;  // by the cleaner
  Counter relocated_octets;
  Counter segments_recycled;
  Counter segments_quarantined;
  Gauge segments_used;   // of this core's log
  Gauge segments_ready;  // for all cores; set by core 0 alone
  Gauge live_octets;     // of messages that are still queued

  template <class Visit>
  static void each(auto& self, Visit&& visit) {
    visit("ringpost_spool_commits_total", "durable writes", self.commits);
    visit("ringpost_spool_commit_octets_total", "octets written durably", self.commit_octets);
    visit("ringpost_spool_content_copied_octets_total", "content gathered by copy",
          self.content_copied_octets);
    visit("ringpost_spool_content_zero_copy_octets_total", "content written from receive buffers",
          self.content_zero_copy_octets);
    visit("ringpost_spool_commit_messages", "messages in one commit", self.commit_messages);
    visit("ringpost_spool_commit_latency_microseconds", "one durable write", self.commit_latency);
    visit("ringpost_spool_faults_total", "failed writes and syncs", self.faults);
    visit("ringpost_spool_relocated_messages_total", "messages moved by the cleaner",
          self.relocated_messages);
    visit("ringpost_spool_relocated_octets_total", "octets moved by the cleaner",
          self.relocated_octets);
    visit("ringpost_spool_segments_recycled_total", "segments freed for use again",
          self.segments_recycled);
    visit("ringpost_spool_segments_quarantined_total", "segments found corrupt",
          self.segments_quarantined);
    visit("ringpost_spool_used_segments", "segments in use", self.segments_used);
    visit("ringpost_spool_ready_segments", "segments ready to be used", self.segments_ready);
    visit("ringpost_spool_live_octets", "octets of queued messages", self.live_octets);
  }
};

struct DeliveryMetrics {
  Counter delivered;
  Counter relayed;
  Counter delayed;
  Counter expired;
  Counter failed;
  Counter reports;
  Counter reports_unsigned;
  Counter tls_full;     // sessions of TLS with servers, by a whole handshake
  Counter tls_resumed;  // by one that went on from an earlier session
  Counter tls_failed;
  LimitGauge attempts;     // in flight
  LimitGauge connections;  // to other servers
  Gauge destinations;
  Gauge messages_queued;
  Gauge recipients_pending;
  Histogram attempt_elapsed;  // µs
  Histogram delay;            // ms from accepted to delivered

  template <class Visit>
  static void each(auto& self, Visit&& visit) {
    visit("ringpost_delivery_delivered_total", "recipients delivered locally", self.delivered);
    visit("ringpost_delivery_relayed_total", "recipients that another server took", self.relayed);
    visit("ringpost_delivery_delayed_total", "attempts to be tried again", self.delayed);
    visit("ringpost_delivery_expired_total", "recipients whose time ran out", self.expired);
    visit("ringpost_delivery_failed_total", "recipients refused for good", self.failed);
    visit("ringpost_delivery_reports_total", "reports to senders", self.reports);
    visit("ringpost_delivery_reports_unsigned_total",
          "reports that left without the signature they should have", self.reports_unsigned);
    visit("ringpost_delivery_tls_full_total", "whole TLS handshakes with servers", self.tls_full);
    visit("ringpost_delivery_tls_resumed_total", "TLS sessions with servers resumed",
          self.tls_resumed);
    visit("ringpost_delivery_tls_failed_total", "TLS handshakes with servers that failed",
          self.tls_failed);
    visit("delivery_attempts", "attempts in flight", self.attempts);
    visit("delivery_connections", "connections to other servers", self.connections);
    visit("ringpost_delivery_destinations", "servers and domains that are known of",
          self.destinations);
    visit("ringpost_delivery_queued_messages", "messages in the queue", self.messages_queued);
    visit("ringpost_delivery_pending_recipients", "recipients not yet done",
          self.recipients_pending);
    visit("ringpost_delivery_attempt_microseconds", "duration of one attempt",
          self.attempt_elapsed);
    visit("ringpost_delivery_delay_milliseconds", "accepted until delivered", self.delay);
  }
};

struct MemoryMetrics {
  LimitGauge receive_buffers;   // taken from the provided-buffer ring
  LimitGauge set_aside_octets;  // unread input of peers that do not read, moved out of those

  template <class Visit>
  static void each(auto& self, Visit&& visit) {
    visit("receive_buffers", "receive buffers in use", self.receive_buffers);
    visit("set_aside_octets", "input of clients that read no replies", self.set_aside_octets);
  }
};

struct AuthMetrics {
  Counter accepted;
  Counter refused;       // wrong name or password
  Counter limited;       // too many failures before
  Counter failed;        // nobody could say
  LimitGauge under_way;  // questions about passwords

  template <class Visit>
  static void each(auto& self, Visit&& visit) {
    visit("ringpost_auth_accepted_total", "clients authenticated", self.accepted);
    visit("ringpost_auth_refused_total", "wrong names and passwords", self.refused);
    visit("ringpost_auth_limited_total", "attempts refused after too many failures", self.limited);
    visit("ringpost_auth_failed_total", "attempts that nobody could judge", self.failed);
    visit("authentications", "questions about passwords", self.under_way);
  }
};

struct LookupMetrics {
  Counter asked;    // questions that were not answered from memory
  Counter failed;   // of those: could not be answered
  Counter late;     // of those: not within the time limit
  Histogram delay;  // µs until the answer

  template <class Visit>
  static void each(auto& self, Visit&& visit) {
    visit("ringpost_lookup_asked_total", "questions to tables, users and files", self.asked);
    visit("ringpost_lookup_failed_total", "questions that could not be answered", self.failed);
    visit("ringpost_lookup_late_total", "questions not answered in time", self.late);
    visit("ringpost_lookup_delay_microseconds", "until a question was answered", self.delay);
  }
};

struct ResolverMetrics {
  Counter hits;           // answered from the cache
  Counter hits_negative;  // of those: nothing is there, or nobody could say
  Counter misses;         // asked of servers
  Counter coalesced;      // joined a question under way
  Counter datagrams;
  Counter streams;     // TCP connections
  Counter timeouts;    // of single attempts
  Counter unexpected;  // answers to nothing: late, or forged
  Counter malformed;
  Counter failures;      // questions that nobody could answer
  LimitGauge questions;  // under way
  LimitGauge cache_octets;
  Histogram answer;  // µs until servers had answered

  template <class Visit>
  static void each(auto& self, Visit&& visit) {
    visit("ringpost_resolver_hits_total", "names answered from the cache", self.hits);
    visit("ringpost_resolver_negative_hits_total", "of those: absent names and failures",
          self.hits_negative);
    visit("ringpost_resolver_misses_total", "questions asked of servers", self.misses);
    visit("ringpost_resolver_coalesced_total", "questions that joined one under way",
          self.coalesced);
    visit("ringpost_resolver_datagrams_total", "datagrams sent", self.datagrams);
    visit("ringpost_resolver_streams_total", "TCP connections made", self.streams);
    visit("ringpost_resolver_timeouts_total", "attempts without an answer", self.timeouts);
    visit("ringpost_resolver_unexpected_total", "answers to nothing, late or forged",
          self.unexpected);
    visit("ringpost_resolver_malformed_total", "octets that were no answer", self.malformed);
    visit("ringpost_resolver_failures_total", "questions that nobody could answer", self.failures);
    visit("resolver_questions", "questions to DNS servers under way", self.questions);
    visit("resolver_cache_octets", "octets of cached DNS answers", self.cache_octets);
    visit("ringpost_resolver_answer_microseconds", "until DNS servers had answered", self.answer);
  }
};

struct RingMetrics {
  Counter turns;

  template <class Visit>
  static void each(auto& self, Visit&& visit) {
    visit("ringpost_ring_turns_total", "turns of the loop", self.turns);
  }
};

struct DecisionMetrics {
  Counter written;  // records
  Counter lost;
  Counter octets;
  Counter faults;  // failed writes

  template <class Visit>
  static void each(auto& self, Visit&& visit) {
    visit("ringpost_decision_written_total", "records of decisions written", self.written);
    visit("ringpost_decision_lost_total", "records of decisions that found no room", self.lost);
    visit("ringpost_decision_octets_total", "octets of those that were written", self.octets);
    visit("ringpost_decision_faults_total", "failed writes of decisions", self.faults);
  }
};

// Rows of DMARC's aggregate reports.
struct DmarcMetrics {
  Counter rows;
  Counter lost;
  Counter failures;
  Counter failures_over;

  template <class Visit>
  static void each(auto& self, Visit&& visit) {
    visit("ringpost_dmarc_rows_total", "messages noted for DMARC reports", self.rows);
    visit("ringpost_dmarc_lost_total", "messages that DMARC reports lack", self.lost);
    visit("ringpost_dmarc_failures_total", "failed messages to be reported", self.failures);
    visit("ringpost_dmarc_failures_over_total", "failed messages beyond the limit of reports",
          self.failures_over);
  }
};

struct alignas(64) CoreMetrics {
  SessionMetrics session;
  SpoolMetrics spool;
  DeliveryMetrics delivery;
  MemoryMetrics memory;
  AuthMetrics auth;
  LookupMetrics lookup;
  ResolverMetrics resolver;
  RingMetrics ring;
  DecisionMetrics decision;
  DmarcMetrics dmarc;

  // Calls visit(name, help, field) for every figure, in the order in which they are shown. A
  // LimitGauge's name is the limit's own, without prefix.
  template <class Visit>
  static void each(auto& self, Visit&& visit) {
    SessionMetrics::each(self.session, visit);
    SpoolMetrics::each(self.spool, visit);
    DeliveryMetrics::each(self.delivery, visit);
    MemoryMetrics::each(self.memory, visit);
    AuthMetrics::each(self.auth, visit);
    LookupMetrics::each(self.lookup, visit);
    ResolverMetrics::each(self.resolver, visit);
    RingMetrics::each(self.ring, visit);
    DecisionMetrics::each(self.decision, visit);
    DmarcMetrics::each(self.dmarc, visit);
  }
};

enum class SampleKind : std::uint8_t { Counter, Gauge, Summary };

// One figure summed over the cores. A limit gives three (used, max, refused), a histogram six (p50,
// p99, p99.9, max, sum, count).
struct Sample {
  std::string name;       // "ringpost_session_refused_total"
  std::string_view help;  // static text
  SampleKind kind = SampleKind::Counter;
  std::string label;  // `reason="draining"`, or empty
  std::uint64_t value = 0;
};

// Text that others have chosen, as it stands between the quotes of a label.
std::string label_value(std::string_view text);

// Sums the figures of all cores. Any thread.
std::vector<Sample> samples(std::span<const CoreMetrics* const> cores);

}  // namespace ringpost::observe
