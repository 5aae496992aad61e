// What a sink wants to know of a message that arrives: which one it is, and when its content was
// sent. Reads the header as content comes, however it is cut; looks at no more than
// header_octets_max of it. Any content will do: what is not there is not found.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "proto/base/bytes.h"
#include "proto/base/clock.h"

namespace ringpost::load {

class Arrival {
 public:
  static constexpr std::size_t header_octets_max = 65'536;

  void take(Bytes content);

  // The id that a source has given it; otherwise its Message-ID without the angle brackets; "-"
  // where that is missing too, or is no single word.
  std::string id() const;
  // By the clock of the machine that sent it, which is this one.
  std::optional<Instant> sent() const;

 private:
  std::string_view field(std::string_view name) const;

  std::string header_;
  bool header_over_ = false;
};

}  // namespace ringpost::load
