// Content for a server without 8BITMIME (RFC 6152 3): looked through before the transaction, since
// what becomes of it decides about MAIL. Owner: the connection that sends it.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <span>

#include "engine/mta/content_reader.h"
#include "proto/mail/seven_bit.h"

namespace ringpost::mta {

struct SevenBitContent {
  mail::SevenBitPlan plan;
  std::uint64_t octets = 0;  // of the content as it will be sent; 0: there is an obstacle
};

// What `extents` name must stay until the task has ended.
ring::Task<std::expected<std::unique_ptr<SevenBitContent>, Fault>> look_at_content(
    ring::Ring& ring, const SegmentStore& segments, ReadBuffers& buffers,
    std::span<const store::Extent> extents);

}  // namespace ringpost::mta
