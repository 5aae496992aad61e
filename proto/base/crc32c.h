// CRC-32C (Castagnoli), the checksum of every record and content extent of the spool.
// Deterministic; hardware instruction on x86-64 (SSE 4.2), table elsewhere.
#pragma once

#include <cstdint>

#include "proto/base/bytes.h"

namespace ringpost {

// The CRC of everything summed so far followed by `octets`; start with 0.
std::uint32_t crc32c(std::uint32_t so_far, Bytes octets);

}  // namespace ringpost
