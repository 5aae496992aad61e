// The Received field that we add to every message: RFC 5321 4.4, with-types RFC 3848 and RFC
// 6531 4.3. Whatever the client said, the field keeps its shape: octets that could break it become
// '?'.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "proto/base/clock.h"
#include "proto/base/queue_id.h"

namespace ringpost::mail {

struct ReceivedTrace {
  std::string_view hello_name;  // as the client gave it
  bool extended = false;        // EHLO
  bool smtputf8 = false;        // the transaction; UTF-8 may stand in the field only then
  bool encrypted = false;
  std::string_view encryption = {};  // of what kind, as a comment: "TLSv1.3:NAME:128:NO"
  bool authenticated = false;
  bool shows_user = false;                  // says whether the client is authenticated, and as whom
  std::string_view user;                    // as the client gave it; empty: not authenticated
  std::string_view client_name;             // verified name of the address; empty: "unknown"
  std::string_view client_address;          // "192.0.2.1" or "2001:db8::1"
  std::optional<std::uint32_t> local_user;  // uid of who connected to the local socket, instead
  bool masked = false;                      // says nothing of where the message comes from
  std::string_view server_name;
  QueueId id;
  std::string_view recipient;  // smtp::to_text of it; empty unless the message has just one
  WallTime received;
};

// Appends the whole field with its last CRLF, folded.
void append_received(std::string& target, const ReceivedTrace& trace);

}  // namespace ringpost::mail
