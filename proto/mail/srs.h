// The Sender Rewriting Scheme: a forwarded message gets a sender of the forwarder's own domain, so
// that SPF holds at the next hop, and reports find their way back (SRS0, and SRS1 over several
// forwarders). Addresses carry a code that only we can make: nobody can send through us by them.
// Pure; what is not ours or not right gives a reason.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "proto/base/clock.h"

namespace ringpost::mail {

// The first 8 octets of a keyed hash that cannot be forged, such as HMAC-SHA-256, of `text`.
using Authenticate =
    std::function<std::array<std::byte, 8>(std::string_view key, std::string_view text)>;

struct SrsKeys {
  std::string key;
  std::string backup_key;                  // one that was `key` until lately; empty: none
  Duration ttl = seconds(4 * 24 * 3'600);  // how long reports may come back; whole days count
};

struct SrsAddress {
  std::string local;  // without quoting
  std::string domain;
  bool operator==(const SrsAddress&) const = default;
};

enum class SrsFault : std::uint8_t {
  NotRewritten,  // an address like others
  Malformed,
  Forged,   // its code is not ours
  Expired,  // made longer ago than the ttl
};

class Srs {
 public:
  Srs(SrsKeys keys, Authenticate authenticate)
      : keys_(std::move(keys)), authenticate_(std::move(authenticate)) {}

  // The local part that stands for `sender` in the forwarder's domain, which is not the sender's.
  // Nothing: it would have more octets than a local part may.
  std::optional<std::string> rewrite(const SrsAddress& sender, WallTime now) const;

  // Where a message for `local` in the forwarder's domain goes.
  std::expected<SrsAddress, SrsFault> restore(std::string_view local, WallTime now) const;

 private:
  std::string code_of(std::string_view key, std::string_view text) const;
  bool is_ours(std::string_view code, std::string_view text) const;
  std::expected<SrsAddress, SrsFault> restore_first(std::string_view rest, WallTime now) const;
  std::expected<SrsAddress, SrsFault> restore_later(std::string_view rest) const;

  SrsKeys keys_;
  Authenticate authenticate_;
};

}  // namespace ringpost::mail
