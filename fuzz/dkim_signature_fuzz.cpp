// A header with signature fields of every kind, and key records: parsers end, and what they accept
// keeps the rules that verifiers rely on.
#include <string_view>

#include "proto/auth/arc_chain.h"
#include "proto/auth/dkim_key.h"
#include "proto/auth/dkim_signature.h"
#include "proto/base/bytes.h"
#include "proto/base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* octets, std::size_t size) {
  using namespace ringpost;
  using auth::SignatureKind;
  const std::string_view text = text_of(std::as_bytes(std::span(octets, size)));
  if (const auto key = auth::parse_key_record(text)) CHECK(!key->octets.empty());
  const auth::MessageHeader header(text);
  for (const auth::HeaderField& field : header.fields()) {
    for (const auto kind :
         {SignatureKind::Dkim, SignatureKind::ArcMessage, SignatureKind::ArcSeal}) {
      const auto signature = auth::parse_signature(kind, field);
      if (!signature) continue;
      CHECK(lies_within(bytes_of(signature->signature_text), bytes_of(field.whole)));
      CHECK(!signature->key_name.is_root() && !signature->signature.empty());
      for (const auto form : {auth::Canonical::Simple, auth::Canonical::Relaxed})
        CHECK(auth::canonical_signature_field(field, signature->signature_text, form).size() <=
              field.whole.size());
    }
  }
  if (const auto chain = auth::parse_chain(header)) {
    CHECK(chain->sets.size() <= auth::arc_instances_max);
    for (std::size_t i = 0; i < chain->sets.size(); ++i)
      CHECK(chain->sets[i].seal_signature.instance == i + 1);
  }
  return 0;
}
