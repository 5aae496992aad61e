// Selection: which recipients of the queue a command is about, as the operator writes it:
//   ID[.N]...        messages by queue id, or one recipient of a message
//   all              everything
//   WORD VALUE ...   those that meet every condition: domain NAME, sender ADDRESS, recipient
//                    ADDRESS, older TIME, newer TIME, status WORD, held, limit NUMBER
// What is wrong gives a sentence for the operator.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "proto/base/clock.h"
#include "proto/base/queue_id.h"

namespace ringpost::control {

// Of a recipient that is not done.
enum class QueueState : std::uint8_t { Pending, Delayed, Active, Paused, Held };
std::string_view to_text(QueueState state);

// Conditions that must all be met; one that was not given is met by everybody.
struct QueueFilter {
  std::string domain = {};     // of the recipient, lower case; "*.NAME": domains below NAME
  std::string sender = {};     // "user@domain", "@domain", or "<>" for reports
  std::string recipient = {};  // "user@domain" or "@domain"
  std::optional<Duration> older = {};
  std::optional<Duration> newer = {};
  std::optional<QueueState> state = {};
  std::uint64_t limit = 0;  // recipients at most; 0: all

  // True when addresses decide, which only the stored envelope knows.
  bool needs_addresses() const { return !domain.empty() || !sender.empty() || !recipient.empty(); }
  // The message was accepted `age` ago; a clock that was set back makes it negative.
  bool takes_age(Duration age) const;
  bool takes_state(QueueState given) const { return !state || *state == given; }
  // Without angle brackets; empty: the null sender.
  bool takes_sender(std::string_view address) const;
  // As the client gave it, and where it goes: the domain is that of the latter, the address either.
  bool takes_recipient(std::string_view accepted, std::string_view final_address) const;
};

struct Selection {
  struct Named {
    QueueId id;
    std::optional<std::uint32_t> recipient = {};  // nothing: all of the message
    bool operator==(const Named&) const = default;
  };
  std::vector<Named> named;
  QueueFilter filter;
};

// "ID" or "ID.N".
std::optional<Selection::Named> parse_named(std::string_view text);

// Of no words: all, when `may_be_empty`.
std::expected<Selection, std::string> parse_selection(std::span<const std::string> words,
                                                      bool may_be_empty);

// "SELECTION to HOST", where "for NAME" may stand for "domain NAME". HOST is not judged.
struct Reroute {
  std::vector<std::string> which;
  std::string host;
};
std::expected<Reroute, std::string> split_reroute(std::span<const std::string> words);

// "90s", "15m", "12h", "3d", "2w", and sums such as "1d12h".
std::optional<Duration> parse_age(std::string_view text);

}  // namespace ringpost::control
