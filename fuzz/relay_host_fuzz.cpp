// Any text is a host of a relay or none; one that is has everything it needs.
#include <string_view>

#include "proto/base/bytes.h"
#include "proto/base/check.h"
#include "proto/conf/relay_host.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* octets, std::size_t size) {
  using namespace ringpost;
  const std::string_view text = text_of(std::as_bytes(std::span(octets, size)));
  const auto host = conf::parse_relay_host(text);
  if (!host) return 0;
  CHECK(!host->host.empty() && host->port != 0 && text.contains(host->host));
  CHECK(host->label.empty() || text.contains(host->label));
  return 0;
}
