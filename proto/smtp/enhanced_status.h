// Enhanced mail system status codes, RFC 3463 and RFC 5248; {0,0,0} means that a reply carries
// none.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace ringpost::smtp {

struct EnhancedStatus {
  std::uint8_t status_class = 0;  // 2, 4 or 5; the same as the first digit of the reply code
  std::uint16_t subject = 0;
  std::uint16_t detail = 0;

  constexpr bool operator==(const EnhancedStatus&) const = default;
  constexpr bool is_present() const { return status_class != 0; }
};

// "5.1.1"
std::string to_text(const EnhancedStatus& status);
// The status "class.subject.detail", before a blank or the end of `text`, taken off it (RFC 2034
// 4): only where its class is `severity`.
EnhancedStatus take_enhanced(std::string_view& text, unsigned severity);

}  // namespace ringpost::smtp
