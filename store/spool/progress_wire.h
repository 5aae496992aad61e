// How a RecipientProgress is written, in an Envelope and in an Outcome alike. See
// proto/base/wire.h.
#pragma once

#include "proto/base/wire.h"
#include "store/spool/outcome.h"

namespace ringpost::store {

// In the octet of the status: the number of hold changes follows.
inline constexpr std::uint8_t hold_changes_follow = 0x80;

void put_progress(auto& sink, const RecipientProgress& progress) {
  const std::uint8_t flag = progress.hold_changes != 0 ? hold_changes_follow : 0;
  put_fixed(sink, static_cast<std::uint8_t>(static_cast<std::uint8_t>(progress.status) | flag));
  put_number(sink, progress.attempts);
  put_fixed(sink, progress.next_due.us);
  if (progress.hold_changes != 0) put_number(sink, progress.hold_changes);
}

inline RecipientProgress take_progress(FieldReader& in) {
  RecipientProgress progress;
  const auto octet = in.fixed<std::uint8_t>();
  const auto status = static_cast<std::uint8_t>(octet & ~hold_changes_follow);
  in.require(status <= static_cast<std::uint8_t>(DeliveryStatus::Removed));
  progress.status = static_cast<DeliveryStatus>(status);
  progress.attempts = static_cast<std::uint16_t>(in.number(0xffff));
  progress.next_due.us = in.fixed<std::int64_t>();
  if ((octet & hold_changes_follow) != 0) {
    progress.hold_changes = in.number();
    in.require(progress.hold_changes != 0);
  }
  return progress;
}

}  // namespace ringpost::store
