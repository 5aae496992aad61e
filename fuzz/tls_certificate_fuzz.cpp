// The text of a file that is said to hold certificates: it is refused with a reason, or gives a
// chain whose facts can be used; the same text gives the same.
#include <cstdint>
#include <span>
#include <string>

#include "engine/tls/certificate.h"
#include "engine/tls/trust_store.h"
#include "proto/base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* octets, std::size_t size) {
  using namespace ringpost;
  const std::string_view text = text_of(std::as_bytes(std::span(octets, size)));
  const auto trust = tls::TrustStore::parse(text);
  CHECK(trust ? (*trust)->size() > 0 : !trust.error().empty());
  const auto certificate = tls::parse_certificate(text);
  if (!certificate) {
    CHECK(!certificate.error().empty());
    return 0;
  }
  CHECK(!certificate->chain.empty() && certificate->fingerprint.size() == 64);
  for (const std::string& name : certificate->names) {
    CHECK(!name.empty() && name.find('\0') == name.npos && name.find('\n') == name.npos);
    CHECK(name.starts_with("*.") || tls::covers(certificate->names, name));
  }
  CHECK(tls::identify(*certificate->chain.front()).fingerprint == certificate->fingerprint);
  CHECK(tls::parse_certificate(text)->key == certificate->key);
  return 0;
}
