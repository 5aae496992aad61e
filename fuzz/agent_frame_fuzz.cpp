// What the parent, an agent and the engine read from each other: any octets give a value or
// nothing, and every value that was taken is written again as the same octets, or,
// where order does not matter, as the same value. The first octet chooses the reader.
#include "engine/process/agent_frame.h"
#include "engine/process/parent_request.h"
#include "engine/process/permissions.h"
#include "proto/base/check.h"

namespace {

using namespace ringpost;

Bytes payload_of(const std::string& frame) {
  const Bytes octets = bytes_of(frame);
  CHECK(process::frame_length(octets.first(process::frame_header_octets)) ==
        octets.size() - process::frame_header_octets);
  return octets.subspan(process::frame_header_octets);
}

void read_request(Bytes octets) {
  const auto request = process::decode_request(octets);
  if (request) CHECK(process::encode(*request) == text_of(octets));
}

void read_order(Bytes octets) {
  const auto order = process::decode_order(octets);
  if (!order) return;
  CHECK(process::is_within_limits(*order));
  const std::string frame = process::order_frame(*order);
  CHECK(text_of(payload_of(frame)) == text_of(octets));
}

void read_reply(Bytes octets) {
  const auto reply = process::decode_reply(octets);
  if (!reply) return;
  const std::string frame = process::reply_frame(*reply);
  CHECK(text_of(payload_of(frame)) == text_of(octets));
}

void read_permissions(Bytes octets) {
  const auto permissions = process::decode_permissions(octets);
  if (!permissions) return;
  const std::string again = process::encode(*permissions);
  CHECK(process::decode_permissions(bytes_of(again)) == permissions);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const Bytes octets = std::as_bytes(std::span(data, size)).subspan(1);
  switch (data[0] % 4) {
    case 0:
      read_request(octets);
      break;
    case 1:
      read_order(octets);
      break;
    case 2:
      read_reply(octets);
      break;
    default:
      read_permissions(octets);
  }
  return 0;
}
