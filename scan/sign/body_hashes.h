// BodyHashes: the digests of one body in every form and length that signatures ask for, made while
// it streams by; equal wishes share one. RFC 6376 3.7. Constant memory; cannot fail.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "proto/auth/canonical.h"
#include "scan/sign/digest.h"

namespace ringpost::scan {

class BodyHashes {
 public:
  // Before the body: what is wanted. Gives the place of the digest. `length`: so many octets of the
  // canonical form only.
  std::size_t want(auth::Canonical form, std::optional<std::uint64_t> length);

  void feed(Bytes body);
  // At the end of the body, once; then what follows holds.
  void finish();

  const Hash& hash(std::size_t place) const { return wishes_[place].hash; }
  // Octets of the canonical form.
  std::uint64_t octets(auth::Canonical form) const;

 private:
  struct Wish {
    auth::Canonical form;
    std::optional<std::uint64_t> length;
    Sha256 digest = {};
    Hash hash = {};
  };
  struct Form {
    explicit Form(auth::Canonical f) : canonical(f) {}
    auth::BodyCanonical canonical;
    std::uint64_t octets = 0;
  };
  void take(auth::Canonical form, std::uint64_t before, Bytes octets);
  std::optional<Form>& form_of(auth::Canonical form) {
    return form == auth::Canonical::Simple ? simple_ : relaxed_;
  }

  std::vector<Wish> wishes_;
  std::optional<Form> simple_, relaxed_;
};

}  // namespace ringpost::scan
