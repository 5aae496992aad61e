// By zlib: see gzip.h.
#include "engine/mta/gzip.h"

#include <zlib.h>

namespace ringpost::mta {
namespace {

constexpr int window_bits = 15 + 16;  // 16: a header and an end of gzip
constexpr int memory_level = 8;
constexpr std::size_t octets_max = std::size_t{1} << 30;

}  // namespace

std::optional<std::string> gzip(std::string_view octets) {
  if (octets.size() > octets_max) return std::nullopt;
  z_stream stream{};
  if (deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, window_bits, memory_level,
                   Z_DEFAULT_STRATEGY) != Z_OK)
    return std::nullopt;
  std::string packed(deflateBound(&stream, octets.size()), '\0');
  std::string input(octets);  // zlib wants it without const
  stream.next_in = reinterpret_cast<Bytef*>(input.data());
  stream.avail_in = static_cast<uInt>(input.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  const bool done = deflate(&stream, Z_FINISH) == Z_STREAM_END;
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return done ? std::optional(std::move(packed)) : std::nullopt;
}

}  // namespace ringpost::mta
