// One canonical form feeds all digests that want it: see body_hashes.h. RFC 6376 3.4.5 (l=).
// Nothing here can fail.
#include "scan/sign/body_hashes.h"

#include <algorithm>

namespace ringpost::scan {

using auth::Canonical;

std::size_t BodyHashes::want(Canonical form, std::optional<std::uint64_t> length) {
  const auto same = [&](const Wish& wish) { return wish.form == form && wish.length == length; };
  const auto found = std::ranges::find_if(wishes_, same);
  if (found != wishes_.end()) return static_cast<std::size_t>(found - wishes_.begin());
  if (!form_of(form)) form_of(form).emplace(form);
  wishes_.push_back({form, length});
  return wishes_.size() - 1;
}

void BodyHashes::take(Canonical form, std::uint64_t before, Bytes octets) {
  for (Wish& wish : wishes_) {
    if (wish.form != form) continue;
    const std::uint64_t room =
        wish.length ? *wish.length - std::min(*wish.length, before) : std::uint64_t{octets.size()};
    wish.digest.update(
        octets.first(static_cast<std::size_t>(std::min<std::uint64_t>(room, octets.size()))));
  }
}

void BodyHashes::feed(Bytes body) {
  for (const Canonical form : {Canonical::Simple, Canonical::Relaxed}) {
    auto& state = form_of(form);
    if (!state) continue;
    state->canonical.feed(body, [&](Bytes octets) {
      take(form, state->octets, octets);
      state->octets += octets.size();
    });
  }
}

void BodyHashes::finish() {
  for (const Canonical form : {Canonical::Simple, Canonical::Relaxed}) {
    auto& state = form_of(form);
    if (!state) continue;
    state->canonical.finish([&](Bytes octets) {
      take(form, state->octets, octets);
      state->octets += octets.size();
    });
  }
  for (Wish& wish : wishes_) wish.hash = wish.digest.finish();
}

std::uint64_t BodyHashes::octets(Canonical form) const {
  const auto& state = form == Canonical::Simple ? simple_ : relaxed_;
  return state ? state->octets : 0;
}

}  // namespace ringpost::scan
