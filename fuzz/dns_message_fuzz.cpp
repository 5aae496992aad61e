// Whatever decodes is within the limits, and is the same message again when it was written and
// read; the head says the same as the whole.
#include "proto/base/check.h"
#include "proto/dns/message.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* octets, std::size_t size) {
  using namespace ringpost;
  const Bytes input = std::as_bytes(std::span(octets, size));
  const auto head = dns::decode_head(input);
  const auto message = dns::decode(input);
  if (!message) return 0;
  CHECK(head && head->question == message->question && head->header.id == message->header.id);
  CHECK(message->answers.size() + message->authorities.size() + message->additionals.size() <=
        dns::records_max);
  for (const dns::Record& record : message->answers) {
    CHECK(record.owner.wire().size() <= dns::name_octets_max);
    CHECK(dns::Name::parse(record.owner.text()) == record.owner);
  }
  const auto again = dns::encode(*message);
  if (!again) return 0;  // too large without compression
  CHECK(dns::decode(bytes_of(*again)) == *message);
  return 0;
}
