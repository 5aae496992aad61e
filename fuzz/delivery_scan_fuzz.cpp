// The header as a delivery reads it: any octets, cut anywhere, give one answer.
#include <cstdint>
#include <span>
#include <string_view>

#include "proto/base/check.h"
#include "proto/mail/delivery_scan.h"

namespace {

using ringpost::mail::DeliveryScan;

DeliveryScan scanned(std::string_view text, std::size_t piece) {
  DeliveryScan scan("a@b");
  while (!text.empty() && scan.scan(ringpost::bytes_of(text.substr(0, piece))))
    text.remove_prefix(std::min(piece, text.size()));
  scan.finish();
  return scan;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* octets, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(octets), size);
  const DeliveryScan whole = scanned(text, std::string_view::npos);
  for (const std::size_t piece : {1u, 3u, 64u}) {
    const DeliveryScan cut = scanned(text, piece);
    CHECK(cut.is_spam() == whole.is_spam());
    CHECK(cut.was_delivered_before() == whole.was_delivered_before());
  }
  return 0;
}
