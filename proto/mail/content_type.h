// The value of a Content-Type field, as far as the structure of a message needs it (RFC 2045 5.1):
// type, subtype and boundary. What is no such value is nothing.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace ringpost::mail {

struct ContentType {
  std::string type, subtype;  // in lower case
  std::string boundary;       // of a multipart; empty: none that can be one
};

// `value` is what stands behind the colon, unfolded or not; comments are passed over.
std::optional<ContentType> parse_content_type(std::string_view value);

// The word of a Content-Transfer-Encoding field, in lower case; empty when there is none.
std::string parse_transfer_encoding(std::string_view value);

}  // namespace ringpost::mail
