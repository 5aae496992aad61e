// A record: mark, length, sum, octets. After one that is not whole the next is looked for octet by
// octet, so that a damaged length costs no other.
#include "store/decision/chunk.h"

#include <algorithm>

#include "proto/base/crc32c.h"
#include "proto/base/wire.h"

namespace ringpost::store {
namespace {

constexpr std::uint64_t magic = 0x3153494345445052;  // "RPDECIS1"
constexpr std::byte mark{0xd5};
constexpr std::size_t frame_octets = 1 + sizeof(std::uint16_t) + sizeof(std::uint32_t);

std::uint32_t sum_of(std::uint64_t sequence, Bytes octets) {
  std::uint32_t sum = crc32c(0, std::as_bytes(std::span<const std::uint64_t, 1>(&sequence, 1)));
  const auto length = static_cast<std::uint16_t>(octets.size());
  sum = crc32c(sum, std::as_bytes(std::span<const std::uint16_t, 1>(&length, 1)));
  return crc32c(sum, octets);
}

struct Frame {
  std::size_t length = 0;
  std::uint32_t sum = 0;
};

Frame frame_at(Bytes octets) {
  FieldReader reader(octets.subspan(1));
  const auto length = reader.fixed<std::uint16_t>();
  return {length, reader.fixed<std::uint32_t>()};
}

}  // namespace

void ChunkWriter::begin(std::uint64_t sequence) {
  CHECK(room_.size() == chunk_octets && sequence > 0);
  sequence_ = sequence;
  FieldWriter writer{.room = room_.first(chunk_header_octets)};
  put_fixed(writer, magic);
  put_fixed(writer, sequence);
  put_fixed(writer, crc32c(0, room_.first(writer.used)));
  put_fixed(writer, std::uint32_t{0});
  used_ = writer.used;
}

bool ChunkWriter::append(const DecisionRecord& record) {
  if (chunk_octets - used_ < frame_octets + decision_octets_max) return false;
  const MutableBytes body = room_.subspan(used_ + frame_octets, decision_octets_max);
  const std::size_t length = encode(record, body);
  FieldWriter writer{.room = room_.subspan(used_, frame_octets)};
  put_fixed(writer, std::to_integer<std::uint8_t>(mark));
  put_fixed(writer, static_cast<std::uint16_t>(length));
  put_fixed(writer, sum_of(sequence_, body.first(length)));
  used_ += frame_octets + length;
  return true;
}

std::optional<std::uint64_t> chunk_sequence(Bytes header) {
  FieldReader reader(header);
  const auto found = reader.fixed<std::uint64_t>();
  const auto sequence = reader.fixed<std::uint64_t>();
  const auto sum = reader.fixed<std::uint32_t>();
  const bool is_ours = reader.ok() && found == magic && sequence > 0;
  if (!is_ours || sum != crc32c(0, header.first(2 * sizeof(std::uint64_t)))) return std::nullopt;
  return sequence;
}

ChunkFinding read_chunk(Bytes chunk, const std::function<void(const DecisionRecord&)>& tell) {
  ChunkFinding finding;
  const auto sequence = chunk_sequence(chunk);
  if (!sequence) return finding;
  DecisionRecord record;
  std::size_t at = chunk_header_octets;
  bool follows_a_record = true;
  while (at + frame_octets < chunk.size()) {
    if (chunk[at] == mark) {
      const auto [length, sum] = frame_at(chunk.subspan(at, frame_octets));
      const Bytes rest = chunk.subspan(at + frame_octets);
      const bool is_whole = length > 0 && length <= std::min(rest.size(), decision_octets_max) &&
                            sum == sum_of(*sequence, rest.first(length)) &&
                            decode(rest.first(length), record);
      if (is_whole) {
        tell(record);
        ++finding.records;
        at += frame_octets + length;
        follows_a_record = true;
        continue;
      }
      if (follows_a_record) ++finding.damaged;
    }
    follows_a_record = false;
    ++at;
  }
  return finding;
}

}  // namespace ringpost::store
