// Envelopes and outcomes from the spool: any octets decode or not; what decodes is inside the
// limits and is written back octet for octet.
#include <algorithm>
#include <cstdint>
#include <vector>

#include "proto/base/check.h"
#include "store/spool/envelope.h"
#include "store/spool/summary.h"

namespace {

using ringpost::Bytes;

template <class Value>
void expect_same_octets(const Value& value, Bytes octets) {
  std::vector<std::byte> written(encoded_octets(value));
  encode(value, written);
  CHECK(std::ranges::equal(written, octets));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* octets, std::size_t size) {
  const Bytes input = std::as_bytes(std::span(octets, size));
  if (const auto envelope = ringpost::store::decode_envelope(input)) {
    CHECK(is_within_limits(*envelope));
    expect_same_octets(*envelope, input);
    const auto summary = summarize(ringpost::QueueId{1}, *envelope, {{1}, 4096, 1, 0});
    CHECK(summary.recipients.size() == envelope->recipients.size());
    CHECK(!summary.uses.empty() && summary.uses.size() <= envelope->extents.size() + 1);
  }
  if (const auto outcome = ringpost::store::decode_outcome(input)) {
    CHECK(outcome->text.size() <= ringpost::store::outcome_text_octets_max);
    expect_same_octets(*outcome, input);
  }
  return 0;
}
