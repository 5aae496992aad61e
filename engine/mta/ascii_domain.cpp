// A-labels by libidn2: see ascii_domain.h.
#include "engine/mta/ascii_domain.h"

#include <cstdint>
#include <memory>

#include <idn2.h>

#include "proto/base/ascii.h"

namespace ringpost::mta {
namespace {

// Of UTF-8; more is no domain.
constexpr std::size_t domain_octets_max = 1024;

struct FreeOctets {
  void operator()(std::uint8_t* octets) const { idn2_free(octets); }
};

}  // namespace

std::string ascii_domain(std::string_view domain) {
  std::string text(domain);
  if (!ascii::has_high(text) || text.size() > domain_octets_max || text.contains('\0')) return text;
  std::uint8_t* found = nullptr;
  const int status = idn2_lookup_u8(reinterpret_cast<const std::uint8_t*>(text.c_str()), &found,
                                    IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
  const std::unique_ptr<std::uint8_t, FreeOctets> kept(found);
  if (status != IDN2_OK || found == nullptr) return text;
  return reinterpret_cast<const char*>(found);
}

std::string with_ascii_domain(std::string_view address) {
  const std::size_t at = address.rfind('@');
  if (at == std::string_view::npos) return ascii_domain(address);
  return std::string(address.substr(0, at + 1)) + ascii_domain(address.substr(at + 1));
}

}  // namespace ringpost::mta
