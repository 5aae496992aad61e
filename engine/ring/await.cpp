// File requests for tasks: see await.h.
#include "engine/ring/await.h"

#include <fcntl.h>
#include <sys/socket.h>

namespace ringpost::ring {
namespace {

template <class Prepare>
Request request(Ring& ring, Prepare prepare) {
  io_uring_sqe sqe{};
  prepare(&sqe);
  return Request(ring, sqe);
}

}  // namespace

Request open_at(Ring& ring, int directory, const char* path, int flags, unsigned mode) {
  return request(ring, [&](io_uring_sqe* sqe) {
    io_uring_prep_openat(sqe, directory, path, flags | O_CLOEXEC, mode);
  });
}

Request read_at(Ring& ring, int file, void* target, unsigned bytes, std::uint64_t offset) {
  return request(ring,
                 [&](io_uring_sqe* sqe) { io_uring_prep_read(sqe, file, target, bytes, offset); });
}

Request write_at(Ring& ring, int file, const void* source, unsigned bytes, std::uint64_t offset) {
  return request(ring,
                 [&](io_uring_sqe* sqe) { io_uring_prep_write(sqe, file, source, bytes, offset); });
}

Request write_vector(Ring& ring, int file, std::span<const iovec> parts, std::uint64_t offset,
                     int flags) {
  return request(ring, [&](io_uring_sqe* sqe) {
    io_uring_prep_writev2(sqe, file, parts.data(), static_cast<unsigned>(parts.size()), offset,
                          flags);
  });
}

Request sync_file(Ring& ring, int file) {
  return request(ring, [&](io_uring_sqe* sqe) { io_uring_prep_fsync(sqe, file, 0); });
}

Request sync_data(Ring& ring, int file) {
  return request(ring,
                 [&](io_uring_sqe* sqe) { io_uring_prep_fsync(sqe, file, IORING_FSYNC_DATASYNC); });
}

Request close_file(Ring& ring, int file) {
  return request(ring, [&](io_uring_sqe* sqe) { io_uring_prep_close(sqe, file); });
}

Request rename_at(Ring& ring, int from_directory, const char* from, int to_directory,
                  const char* to) {
  return request(ring, [&](io_uring_sqe* sqe) {
    io_uring_prep_renameat(sqe, from_directory, from, to_directory, to, 0);
  });
}

Request unlink_at(Ring& ring, int directory, const char* path) {
  return request(ring, [&](io_uring_sqe* sqe) { io_uring_prep_unlinkat(sqe, directory, path, 0); });
}

Request status_at(Ring& ring, int directory, const char* path, unsigned wanted,
                  struct statx* status) {
  return request(ring, [&](io_uring_sqe* sqe) {
    io_uring_prep_statx(sqe, directory, path, 0, wanted, status);
  });
}

Request make_directory_at(Ring& ring, int directory, const char* path, unsigned mode) {
  return request(ring,
                 [&](io_uring_sqe* sqe) { io_uring_prep_mkdirat(sqe, directory, path, mode); });
}

Request send_all(Ring& ring, int socket, const void* source, unsigned bytes) {
  return request(ring, [&](io_uring_sqe* sqe) {
    io_uring_prep_send(sqe, socket, source, bytes, MSG_WAITALL | MSG_NOSIGNAL);
  });
}

Request receive_all(Ring& ring, int socket, void* target, unsigned bytes) {
  return request(ring, [&](io_uring_sqe* sqe) {
    io_uring_prep_recv(sqe, socket, target, bytes, MSG_WAITALL);
  });
}

}  // namespace ringpost::ring
