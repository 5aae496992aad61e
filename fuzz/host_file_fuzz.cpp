// Any text is a file of hosts: each name in it that has addresses is found again.
#include <string_view>

#include "proto/base/ascii.h"
#include "proto/base/bytes.h"
#include "proto/base/check.h"
#include "proto/dns/host_file.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* octets, std::size_t size) {
  using namespace ringpost;
  const std::string_view text = text_of(std::as_bytes(std::span(octets, size)));
  const dns::HostFile file = dns::HostFile::parse(text);
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find_first_of(" \t\r\n#", at), text.size());
    if (const auto name = dns::Name::parse(text.substr(at, end - at)))
      if (const auto* addresses = file.find(*name)) CHECK(!addresses->empty());
    at = end + 1;
  }
  return 0;
}
