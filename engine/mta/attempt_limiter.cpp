// Addresses that belong to one customer: see attempt_limiter.h.
#include "engine/mta/attempt_limiter.h"

namespace ringpost::mta {

std::string address_group(const conf::NetAddress& address) {
  return conf::to_text(address.family == conf::Family::Inet6 ? conf::masked(address, 64) : address);
}

}  // namespace ringpost::mta
