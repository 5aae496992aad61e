// How a RecipientProgress is written, in an Envelope and in an Outcome alike. See
// proto/base/wire.h.
#pragma once

#include "proto/base/wire.h"
#include "store/spool/outcome.h"

namespace ringpost::store {

void put_progress(auto& sink, const RecipientProgress& progress) {
  put_fixed(sink, static_cast<std::uint8_t>(progress.status));
  put_number(sink, progress.attempts);
  put_fixed(sink, progress.next_due.us);
}

inline RecipientProgress take_progress(FieldReader& in) {
  RecipientProgress progress;
  const auto status = in.fixed<std::uint8_t>();
  in.require(status <= static_cast<std::uint8_t>(DeliveryStatus::Removed));
  progress.status = static_cast<DeliveryStatus>(status);
  progress.attempts = static_cast<std::uint16_t>(in.number(0xffff));
  progress.next_due.us = in.fixed<std::int64_t>();
  return progress;
}

}  // namespace ringpost::store
