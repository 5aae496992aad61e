// Any text is a host of a relay or none; one that is has everything it needs. And any text is a
// pattern of senders or none; one that is makes addresses.
#include <string>
#include <string_view>

#include "proto/base/bytes.h"
#include "proto/base/check.h"
#include "proto/conf/relay_host.h"
#include "proto/smtp/path.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* octets, std::size_t size) {
  using namespace ringpost;
  const std::string_view text = text_of(std::as_bytes(std::span(octets, size)));
  if (const auto pattern = conf::parse_sender_pattern(text)) {
    smtp::Mailbox sender{pattern->local, pattern->domain};
    if (sender.local.empty()) sender.local = "user";
    if (sender.domain.empty()) sender.domain = "there.test";
    const std::string address = smtp::to_text(sender);
    CHECK(smtp::parse_mailbox(address) || address.size() > smtp::local_part_octets_max);
  }
  const auto host = conf::parse_relay_host(text);
  if (!host) return 0;
  CHECK(!host->host.empty() && host->port != 0 && text.contains(host->host));
  CHECK(host->label.empty() || text.contains(host->label));
  return 0;
}
