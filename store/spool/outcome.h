// Outcome: what came of one attempt for one recipient, as it is kept in the log.
// decode_outcome() refuses anything that encode_outcome() would not have written.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "proto/base/bytes.h"
#include "proto/base/clock.h"

namespace ringpost::store {

// RFC 3464 2.3.3 names the first five; Pending is "nothing happened yet", Removed is the
// operator's.
enum class DeliveryStatus : std::uint8_t {
  Pending,
  Delayed,
  Delivered,
  Relayed,
  Expanded,
  Failed,
  Removed,
};

constexpr bool is_final(DeliveryStatus status) { return status > DeliveryStatus::Delayed; }

// What is known of one recipient between attempts. Merging is commutative (see merge()), so
// recovery may meet outcomes in any order.
struct RecipientProgress {
  WallTime next_due{};  // when the next attempt may start; meaningless once final
  std::uint16_t attempts = 0;
  DeliveryStatus status = DeliveryStatus::Pending;
  // How often the operator has held and released it: the later order is the one with more.
  std::uint32_t hold_changes = 0;
  // No attempt is made, and none is due, until the operator releases it.
  constexpr bool is_held() const { return hold_changes % 2 == 1; }
  constexpr bool operator==(const RecipientProgress&) const = default;
};
static_assert(sizeof(RecipientProgress) == 16, "the index keeps millions");

// A final status beats one that is not; then the greater number of attempts, then the later due
// time; of two final ones the first that was merged stays. Attempts and the operator's orders do
// not know of each other: of each, the newer counts.
void merge(RecipientProgress& known, const RecipientProgress& news);

inline constexpr std::size_t outcome_text_octets_max = 1024;

struct Outcome {
  std::uint32_t recipient = 0;  // index into Envelope::recipients
  RecipientProgress progress;
  std::string text;  // the last reply or error, for people; cut at outcome_text_octets_max
  bool operator==(const Outcome&) const = default;
};

std::size_t encoded_octets(const Outcome& outcome);
// `room` holds exactly encoded_octets(outcome).
void encode(const Outcome& outcome, MutableBytes room);
std::optional<Outcome> decode_outcome(Bytes payload);

}  // namespace ringpost::store
