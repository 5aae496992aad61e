// Base64 in one piece, as SASL and PEM have it (RFC 4648 4): no line breaks, always padded. For
// content of messages there are the writers of proto/mail/transfer_encoding.h.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "proto/base/secret.h"

namespace ringpost {

std::string base64_encode(std::string_view octets);
// Nothing when the text is anything but what base64_encode() makes: other characters, padding that
// is missing or elsewhere, bits behind the last octet that are not zero.
std::optional<std::string> base64_decode(std::string_view text);
// The same for what nobody may see: no copy of it stays in memory.
Secret base64_encode_secret(std::string_view octets);
std::optional<Secret> base64_decode_secret(std::string_view text);

}  // namespace ringpost
