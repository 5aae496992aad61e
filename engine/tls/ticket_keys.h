// TicketKeys: the keys that session tickets are sealed with, shared by all cores and outliving a
// reload. RFC 5077 5.5, RFC 8446 4.6.1. A ticket is good for two to three periods of rotation;
// then nothing of ours can open it, nor what was recorded under TLS 1.2. Thread-safe.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <mutex>

#include "proto/base/clock.h"

namespace ringpost::tls {

class TicketKeys {
 public:
  static constexpr Duration rotation = seconds(3600);
  // Two periods: the least that every ticket can be opened.
  static constexpr Duration lifetime = rotation * 2;

  TicketKeys();
  ~TicketKeys();
  TicketKeys(const TicketKeys&) = delete;
  TicketKeys& operator=(const TicketKeys&) = delete;

  struct Key {
    std::array<std::uint8_t, 16> name{};
    std::array<std::uint8_t, 16> cipher{};
    std::array<std::uint8_t, 32> mac{};
  };

  // A new key for new tickets; the oldest one goes. To be called once in a period.
  void rotate();
  Key current() const;
  // Fills `key` with that of the name; false when there is none (any more). `old`: not current().
  bool find(const std::uint8_t name[16], Key& key, bool& old) const;

 private:
  mutable std::mutex lock_;
  std::array<Key, 3> keys_{};  // the newest comes first
};

}  // namespace ringpost::tls
