// Settings: see settings.h.
#include "engine/tls/settings.h"

#include <algorithm>
#include <array>
#include <optional>

#include <fmt/format.h>
#include <openssl/ssl.h>

#include "engine/tls/problem.h"
#include "proto/base/ascii.h"

namespace ringpost::tls {
namespace {

// Forward secrecy always: keys that only sign cannot decrypt. Within brackets the peer's
// preference decides, since it knows whether its processor has AES. CBC is for servers that have
// nothing better for an RSA certificate, which would otherwise send in the clear.
constexpr const char* default_ciphers =
    "[ECDHE-ECDSA-AES128-GCM-SHA256|ECDHE-ECDSA-CHACHA20-POLY1305]:ECDHE-ECDSA-AES256-GCM-SHA384:"
    "[ECDHE-RSA-AES128-GCM-SHA256|ECDHE-RSA-CHACHA20-POLY1305]:ECDHE-RSA-AES256-GCM-SHA384:"
    "ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES128-SHA:ECDHE-ECDSA-AES256-SHA:ECDHE-RSA-AES256-SHA";

constexpr unsigned bit_12 = 1, bit_13 = 2;

std::optional<unsigned> bits_of(std::string_view word) {
  struct Word {
    std::string_view text;
    unsigned bits;
  };
  // The older ones are known, and not there.
  static constexpr std::array words = std::to_array<Word>({{"tlsv1.0", 0},
                                                           {"tlsv1.1", 0},
                                                           {"tlsv1.2", bit_12},
                                                           {"tlsv1.3", bit_13},
                                                           {"tlsv1", bit_12 | bit_13},
                                                           {"all", bit_12 | bit_13},
                                                           {"legacy", bit_12 | bit_13},
                                                           {"default", bit_12 | bit_13},
                                                           {"secure", bit_12 | bit_13}});
  const auto found = std::ranges::find_if(
      words, [word](const Word& one) { return ascii::equal_ignoring_case(one.text, word); });
  if (found == words.end()) return std::nullopt;
  return found->bits;
}

bool is_set_name(std::string_view words) {
  static constexpr std::array names = std::to_array<std::string_view>(
      {"", "secure", "default", "compat", "legacy", "insecure", "all"});
  return std::ranges::any_of(
      names, [words](std::string_view name) { return ascii::equal_ignoring_case(name, words); });
}

}  // namespace

std::expected<Versions, std::string> parse_protocols(std::string_view words) {
  unsigned chosen = words.empty() ? bit_12 | bit_13 : 0;
  while (!words.empty()) {
    const std::size_t end = std::min(words.find_first_of(",:"), words.size());
    std::string_view word = ascii::trim(words.substr(0, end));
    words.remove_prefix(std::min(end + 1, words.size()));
    const bool without = word.starts_with('!');
    if (without) word.remove_prefix(1);
    const auto bits = bits_of(word);
    if (!bits) return std::unexpected(fmt::format("unknown protocol \"{}\"", word));
    if (without) {
      chosen = (chosen == 0 ? bit_12 | bit_13 : chosen) & ~*bits;
    } else {
      chosen |= *bits;
    }
  }
  if (chosen == 0) return std::unexpected("only TLSv1.2 and TLSv1.3 exist here");
  return Versions{
      .min = (chosen & bit_12) != 0 ? std::uint16_t{TLS1_2_VERSION} : std::uint16_t{TLS1_3_VERSION},
      .max =
          (chosen & bit_13) != 0 ? std::uint16_t{TLS1_3_VERSION} : std::uint16_t{TLS1_2_VERSION}};
}

std::expected<void, std::string> set_ciphers(SSL_CTX* context, std::string_view words) {
  ERR_clear_error();
  // Names that are not known are passed over, as lists are written for several libraries.
  const std::string list =
      is_set_name(words) ? default_ciphers : fmt::format("{}:!kRSA:!PSK:!3DES", words);
  if (SSL_CTX_set_cipher_list(context, list.c_str()) == 1) {
    ERR_clear_error();
    return {};
  }
  ERR_clear_error();
  return std::unexpected(
      fmt::format("no cipher with forward secrecy is known among \"{}\"", words));
}

}  // namespace ringpost::tls
