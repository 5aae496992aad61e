// The language of the key process: datagrams from the parent, the answer to whoever had a key
// loaded, and frames (a length of 4 octets, then as many) from and to those who want signatures.
// Decoding is strict and bounded.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <variant>

#include "engine/process/key.h"
#include "proto/base/bytes.h"
#include "proto/base/clock.h"

namespace ringpost::process {

// A transcript of a handshake is what is signed with a client's certificate in TLS 1.2. Of mail
// only digests come here.
inline constexpr std::size_t sign_input_octets_max = 256 * 1024;
inline constexpr std::size_t signature_octets_max = 2048;  // RSA of 16,384 bits
inline constexpr std::size_t sign_request_octets_max = sign_input_octets_max + 64;
inline constexpr std::size_t sign_reply_octets_max = signature_octets_max + 64;
inline constexpr std::size_t key_error_octets_max = 512;

// From the parent.
struct TakeKey {  // comes with the open file, and with a socket for the KeyAnswer unless it is a
                  // key that was loaded before, by a process that has ended
  std::string path;
  std::string user;  // whom the process becomes, if it is nobody yet
  bool operator==(const TakeKey&) const = default;
};
struct ServeSigner {  // comes with the socket
  bool operator==(const ServeSigner&) const = default;
};
struct ForgetKeys {  // that were loaded last before this, some time from now
  Instant before;
  bool operator==(const ForgetKeys&) const = default;
};
using KeyOrder = std::variant<TakeKey, ServeSigner, ForgetKeys>;
inline constexpr std::size_t key_order_octets_max = 8 * 1024;

std::string encode(const KeyOrder& order);
std::optional<KeyOrder> decode_key_order(Bytes datagram);

// One datagram: the key, or a sentence for the operator.
using KeyAnswer = std::expected<LoadedKey, std::string>;
inline constexpr std::size_t key_answer_octets_max = key_error_octets_max + 64;
std::string encode(const KeyAnswer& answer);
std::optional<KeyAnswer> decode_key_answer(Bytes datagram);

struct SignRequest {
  std::uint64_t id = 0;  // the asker's own; comes back with the reply
  KeyName key{};
  std::uint16_t scheme = 0;  // a SignatureScheme of TLS (RFC 8446 4.2.3), or one of key.h
  std::string input;         // not hashed, unless the scheme says so
  bool operator==(const SignRequest&) const = default;
};
struct SignReply {
  std::uint64_t id = 0;
  int error = 0;  // an errno: ENOKEY, EINVAL (the key has no such scheme), …
  std::string signature;
  bool operator==(const SignReply&) const = default;
};
// Whole frames; the input is within its limit: CHECKed.
std::string sign_frame(std::uint64_t id, const KeyName& key, std::uint16_t scheme, Bytes input);
std::string reply_frame(const SignReply& reply);
// What a frame holds, without its length.
std::optional<SignRequest> decode_sign_request(Bytes payload);
std::optional<SignReply> decode_sign_reply(Bytes payload);

}  // namespace ringpost::process
