// What a server announced in its reply to EHLO or LHLO (RFC 5321 4.1.1.1), as far as the client
// uses it. Unknown keywords and malformed parameters are passed over: they announce nothing.
#pragma once

#include <cstdint>
#include <optional>

#include "proto/smtp/reply.h"

namespace ringpost::smtp {

struct Announced {
  bool pipelining = false;      // RFC 2920
  bool eight_bit_mime = false;  // RFC 6152
  bool smtputf8 = false;        // RFC 6531
  bool dsn = false;             // RFC 3461
  bool chunking = false;        // RFC 3030
  bool starttls = false;        // RFC 3207
  bool auth_plain = false;      // RFC 4954: of its mechanisms those that we can speak
  bool auth_login = false;
  bool size = false;                  // RFC 1870
  std::uint64_t size_octets_max = 0;  // 0: no fixed maximum

  bool operator==(const Announced&) const = default;
};

Announced parse_announced(const ReplyView& reply);

}  // namespace ringpost::smtp
