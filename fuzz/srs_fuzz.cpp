// Sender rewriting: any local part is restored or refused, and any sender that is rewritten comes
// back as it was. The input: a local part, or LOCAL@DOMAIN as the last '@' divides it.
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "proto/base/ascii.h"
#include "proto/base/check.h"
#include "proto/base/crc32c.h"
#include "proto/mail/srs.h"

namespace {

using namespace ringpost;

std::array<std::byte, 8> sum(std::string_view key, std::string_view text) {
  const std::uint32_t crc = crc32c(crc32c(0, bytes_of(key)), bytes_of(text));
  std::array<std::byte, 8> octets{};
  for (std::size_t i = 0; i < octets.size(); ++i)
    octets[i] = static_cast<std::byte>(crc >> (8 * (i % 4)));
  return octets;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* octets, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(octets), size);
  const WallTime now{1'763'856'000'000'000};
  const mail::Srs srs({.key = "key", .backup_key = "old"}, sum);
  if (const auto restored = srs.restore(text, now)) {
    CHECK(!restored->domain.empty() && !restored->domain.contains('='));
    CHECK(restored->local.size() < text.size());
  }
  const std::size_t at = text.rfind('@');
  if (at == text.npos) return 0;
  const mail::SrsAddress sender{std::string(text.substr(0, at)), std::string(text.substr(at + 1))};
  if (sender.local.empty() || sender.domain.empty() || sender.domain.contains('=')) return 0;
  const auto local = srs.rewrite(sender, now);
  if (!local) return 0;
  CHECK(local->size() <= 255);
  const auto restored = srs.restore(*local, now);
  if (local->starts_with("SRS0")) {
    CHECK(restored == sender);
  } else if (ascii::starts_ignoring_case(sender.local, "SRS0")) {
    CHECK(restored->domain == sender.domain);
    CHECK(ascii::equal_ignoring_case(restored->local, sender.local));
  }
  return 0;
}
