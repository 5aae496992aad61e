// The file in which a Submission waits while no daemon runs: a few lines that say what it is, an
// empty line, the content. Anybody may write such files, so reading is strict: a file that is not
// exactly of this form, or whose checksum differs, gives nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "proto/submission/submission.h"

namespace ringpost::submission {

struct OfflineMessage {
  std::uint32_t uid = 0;  // who handed it in; the file's owner must be the same
  Submission submission;

  bool operator==(const OfflineMessage&) const = default;
};

// The lines before the content: at most as much as the longest envelope needs.
inline constexpr std::size_t offline_envelope_octets_max = 8u << 20;

std::string encode_offline(const OfflineMessage& message);
std::optional<OfflineMessage> decode_offline(std::string_view file);

}  // namespace ringpost::submission
