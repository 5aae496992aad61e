// What the key process, the parent and the engine read from each other: any octets give a value or
// nothing, and every value that was taken is written again as the same octets. The first octet
// chooses the reader.
#include "engine/process/agent_frame.h"
#include "engine/process/key_frame.h"
#include "proto/base/check.h"

namespace {

using namespace ringpost;

std::string_view payload_of(const std::string& frame) {
  const Bytes octets = bytes_of(frame);
  CHECK(process::frame_length(octets.first(process::frame_header_octets)) ==
        octets.size() - process::frame_header_octets);
  return std::string_view(frame).substr(process::frame_header_octets);
}

void read_request(Bytes octets) {
  const auto request = process::decode_sign_request(octets);
  if (!request) return;
  const std::string frame =
      process::sign_frame(request->id, request->key, request->scheme, bytes_of(request->input));
  CHECK(payload_of(frame) == text_of(octets));
}

void read_reply(Bytes octets) {
  const auto reply = process::decode_sign_reply(octets);
  if (!reply) return;
  const std::string frame = process::reply_frame(*reply);
  CHECK(payload_of(frame) == text_of(octets));
}

void read_order(Bytes octets) {
  const auto order = process::decode_key_order(octets);
  if (order) CHECK(process::encode(*order) == text_of(octets));
}

void read_answer(Bytes octets) {
  const auto answer = process::decode_key_answer(octets);
  if (answer) CHECK(process::encode(*answer) == text_of(octets));
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
      read_reply(octets);
      break;
    case 2:
      read_order(octets);
      break;
    default:
      read_answer(octets);
  }
  return 0;
}
