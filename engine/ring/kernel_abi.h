// Every io_uring constant newer than Debian 12's headers (liburing 2.3), each with the kernel that
// brought it. Nowhere else may a raw number of the kernel's interface appear.
#pragma once

#include <cstdint>

#include <liburing.h>

namespace ringpost::ring::abi {

// Linux 6.7: IORING_OP_URING_CMD on a socket; the sub-command goes into sqe->off.
inline constexpr std::uint32_t socket_uring_op_getsockopt = 2;
inline constexpr std::uint32_t socket_uring_op_setsockopt = 3;

// The fields that socket options by URING_CMD use lie in unions that liburing 2.3 does not name:
// level and optname share addr, optlen shares file_index, optval shares addr3. `value` is read (or
// written) when the request runs; getsockopt gives the length of what it wrote as its result.
inline void prepare_socket_option(io_uring_sqe* sqe, std::uint32_t command, int file, int level,
                                  int name, void* value, std::uint32_t value_bytes) {
  io_uring_prep_rw(IORING_OP_URING_CMD, sqe, file, nullptr, 0, command);
  sqe->addr = static_cast<std::uint64_t>(static_cast<std::uint32_t>(level)) |
              static_cast<std::uint64_t>(static_cast<std::uint32_t>(name)) << 32;
  sqe->file_index = value_bytes;
  sqe->addr3 = reinterpret_cast<std::uintptr_t>(value);
}

}  // namespace ringpost::ring::abi
