// Offline files: any octets; what is believed is whole, safe to say in a dialogue, and writes
// itself again as it was read.
#include <cstdint>
#include <string_view>

#include "proto/base/ascii.h"
#include "proto/base/check.h"
#include "proto/base/crc32c.h"
#include "proto/submission/offline_file.h"

namespace {

using namespace ringpost;

void check(const submission::OfflineMessage& message) {
  const submission::Submission& one = message.submission;
  CHECK(!one.recipients.empty() && one.recipients.size() <= submission::recipients_max);
  for (const std::string& recipient : one.recipients)
    for (const char c : recipient) CHECK(!ascii::is_control(c));
  for (const char c : one.sender + one.envelope_id) CHECK(!ascii::is_control(c));
  const auto again = submission::decode_offline(submission::encode_offline(message));
  CHECK(again == message);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* octets, std::size_t size) {
  const std::string_view file(reinterpret_cast<const char*>(octets), size);
  if (const auto message = submission::decode_offline(file)) check(*message);
  // Mostly the checksum stands in the way: put the right one in its place.
  const std::size_t at = file.find("\ncrc32c ");
  if (at == file.npos || file.size() < at + 18) return 0;
  std::string mended(file);
  const std::uint32_t sum = crc32c(0, bytes_of(file.substr(at + 18)));
  constexpr std::string_view digits = "0123456789abcdef";
  for (unsigned i = 0; i < 8; ++i) mended[at + 8 + i] = digits[sum >> (28 - 4 * i) & 15];
  if (const auto message = submission::decode_offline(mended)) check(*message);
  return 0;
}
