// What BoringSSL has to say about its last failure, and its octets as ours and back; for the files
// of this folder.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include <openssl/base.h>
#include <openssl/err.h>
#include <openssl/x509.h>

#include "proto/base/bytes.h"

namespace ringpost::tls {

// The last reason in this thread's queue of errors, which is empty afterwards.
inline std::string last_problem() {
  const std::uint32_t error = ERR_peek_last_error();
  const char* reason = error == 0 ? nullptr : ERR_reason_error_string(error);
  std::string text = reason == nullptr ? "unknown reason" : reason;
  ERR_clear_error();
  for (char& c : text) c = c == '_' ? ' ' : (c >= 'A' && c <= 'Z') ? static_cast<char>(c + 32) : c;
  return text;
}

inline Bytes bytes_at(const std::uint8_t* data, std::size_t octets) {
  return std::as_bytes(std::span(data, octets));
}
inline const std::uint8_t* octets_of(Bytes octets) {
  return reinterpret_cast<const std::uint8_t*>(octets.data());
}
inline std::uint8_t* octets_of(MutableBytes octets) {
  return reinterpret_cast<std::uint8_t*>(octets.data());
}

// Every certificate of a PEM text, which may have none.
std::expected<std::vector<bssl::UniquePtr<X509>>, std::string> parse_certificates(
    std::string_view pem);

}  // namespace ringpost::tls
