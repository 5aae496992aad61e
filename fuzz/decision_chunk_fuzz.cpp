// Chunks of decisions: any octets give records or none; a record that decodes is bounded and is
// written back as it means. The header and the sums are made right first, or nothing would get
// past them.
#include <cstdint>
#include <vector>

#include "proto/base/check.h"
#include "store/decision/chunk.h"
#include "store/decision/token.h"

namespace {

using namespace ringpost::store;
using ringpost::Bytes;

void expect_same(const DecisionRecord& record) {
  std::vector<std::byte> written(decision_octets_max);
  written.resize(encode(record, written));
  DecisionRecord again;
  CHECK(decode(written, again));
  std::vector<std::byte> twice(decision_octets_max);
  twice.resize(encode(again, twice));
  CHECK(twice == written);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* octets, std::size_t size) {
  const Bytes input = std::as_bytes(std::span(octets, size));
  DecisionRecord record;
  if (decode(input, record)) {
    expect_same(record);
    CHECK(parse_token(token_of(record.id)) == token_of(record.id));
  }
  std::vector<std::byte> chunk(chunk_octets);
  ChunkWriter writer(chunk);
  writer.begin(1);
  CHECK(writer.append({.id = {1}, .reply = ringpost::text_of(input)}));
  const std::size_t used = writer.octets().size();
  for (std::size_t i = 0; i < std::min(input.size(), chunk.size() - used); ++i)
    chunk[used + i] = input[i];
  std::size_t told = 0;
  const ChunkFinding finding = read_chunk(chunk, [&told](const DecisionRecord&) { ++told; });
  CHECK(finding.records == told && told >= 1);
  CHECK(finding.damaged <= told);
  read_chunk(input, [](const DecisionRecord& found) { expect_same(found); });
  return 0;
}
