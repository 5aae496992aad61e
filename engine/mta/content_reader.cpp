// Reading content back: see content_reader.h.
#include "engine/mta/content_reader.h"

#include <algorithm>
#include <cerrno>

#include "proto/base/crc32c.h"

namespace ringpost::mta {

std::expected<ReadBuffers::Borrowed, Fault> ReadBuffers::borrow() {
  if (!free_.empty()) {
    Borrowed result(*this, std::move(free_.back()));
    free_.pop_back();
    return result;
  }
  auto memory = disk::AlignedMemory::map(bytes);
  if (!memory) return std::unexpected(memory.error());
  return Borrowed(*this, std::move(*memory));
}

ring::Task<std::expected<MutableBytes, Fault>> ContentReader::next() {
  while (extent_ < extents_.size() && extents_[extent_].length == 0) ++extent_;
  if (extent_ == extents_.size()) co_return MutableBytes{};
  const store::Extent& extent = extents_[extent_];
  const disk::DirectFile* file = segments_.file_of(extent.segment);
  if (file == nullptr) co_return std::unexpected(Fault{"segment", ENOENT});

  const std::uint32_t from = extent.offset + done_;
  const std::uint32_t block = from / disk::direct_block_bytes * disk::direct_block_bytes;
  const std::uint32_t skipped = from - block;
  const auto wanted = static_cast<std::uint32_t>(
      std::min<std::size_t>(extent.length - done_, room_.size() - skipped));
  const std::size_t octets = (skipped + wanted + disk::direct_block_bytes - 1) /
                             disk::direct_block_bytes * disk::direct_block_bytes;
  iovec part{room_.data(), octets};
  const auto got = co_await disk::read(ring_, *file, block, std::span(&part, 1));
  if (!got) co_return std::unexpected(got.error());
  if (*got < skipped + wanted) co_return std::unexpected(Fault{"read", EIO, file->path()});

  const MutableBytes piece = room_.subspan(skipped, wanted);
  crc_ = crc32c(crc_, piece);
  done_ += wanted;
  if (done_ == extent.length) {
    if (crc_ != extent.crc) co_return std::unexpected(Fault{"checksum", EBADMSG, file->path()});
    ++extent_;
    done_ = 0;
    crc_ = 0;
  }
  co_return piece;
}

}  // namespace ringpost::mta
