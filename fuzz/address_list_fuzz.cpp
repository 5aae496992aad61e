// Address lists: any octets; what is listed is part of the text, and lists as itself again.
#include <cstdint>
#include <string_view>

#include "proto/base/ascii.h"
#include "proto/base/check.h"
#include "proto/mail/address_list.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* octets, std::size_t size) {
  using namespace ringpost;
  const std::string_view text(reinterpret_cast<const char*>(octets), size);
  const mail::AddressList list = mail::parse_address_list(text);
  std::size_t before = 0;
  for (const mail::ListedAddress& address : list.addresses) {
    CHECK(address.spec.size() <= size && address.end <= size);
    const bool encloses = address.spec.find_first_of("\"[") != std::string::npos;
    CHECK(encloses || address.is_bare == !address.spec.contains('@'));
    if (address.spec.empty()) continue;
    CHECK(address.end > before);
    before = address.end;
    for (const char c : address.spec) CHECK(c != '\n' && c != '\r');
    const mail::AddressList again = mail::parse_address_list("<" + address.spec + ">");
    CHECK(!again.malformed && again.addresses.size() == 1);
    CHECK(again.addresses[0].spec == address.spec);
  }
  return 0;
}
