// Whatever a proxy says: any cutting gives the same answer, at most header_octets_max are taken,
// and nothing is once there is an answer.
#include <cstdint>
#include <span>

#include "proto/base/check.h"
#include "proto/proxy/header.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* octets, std::size_t size) {
  using namespace ringpost;
  const Bytes input = std::as_bytes(std::span(octets, size));
  proxy::HeaderReader whole;
  const std::size_t taken = whole.receive(input);
  CHECK(taken <= proxy::header_octets_max);
  CHECK(whole.done() || taken == size);
  proxy::HeaderReader cut;
  std::size_t taken_cut = 0;
  for (std::size_t i = 0; i < size && !cut.done(); ++i)
    taken_cut += cut.receive(input.subspan(i, 1));
  CHECK(taken == taken_cut && whole.done() == cut.done());
  if (!whole.done()) return 0;
  CHECK(whole.result() == cut.result());
  CHECK(whole.receive(input) == 0);
  if (whole.result() && whole.result()->kind == proxy::Origin::Kind::Client) {
    const conf::NetAddress& address = whole.result()->address;
    CHECK(conf::unmapped(address) == address);
    CHECK(conf::parse_net_address(conf::to_text(address)) == address);
  }
  return 0;
}
