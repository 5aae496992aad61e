// Ids of one core differ by microseconds, so all their bits are mixed before some are shown.
#include "store/decision/token.h"

#include "proto/base/ascii.h"

namespace ringpost::store {
namespace {

constexpr std::string_view digits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
constexpr unsigned bits_per_digit = 5;

// The finalizer of MurmurHash3: a bijection in which every bit counts for every other.
constexpr std::uint64_t mixed(std::uint64_t value) {
  value = (value ^ value >> 33) * 0xff51afd7ed558ccdULL;
  value = (value ^ value >> 33) * 0xc4ceb9fe1a85ec53ULL;
  return value ^ value >> 33;
}

}  // namespace

std::string token_of(QueueId id) {
  std::uint64_t rest = mixed(id.value);
  std::string token;
  for (std::size_t i = 0; i < token_characters; ++i, rest >>= bits_per_digit)
    token += digits[rest % digits.size()];
  return token;
}

std::optional<std::string> parse_token(std::string_view text) {
  if (text.size() != token_characters) return std::nullopt;
  std::string token;
  for (const char given : text) {
    char digit = ascii::to_upper(given);
    if (digit == 'O') digit = '0';
    if (digit == 'I' || digit == 'L') digit = '1';
    if (!digits.contains(digit)) return std::nullopt;
    token += digit;
  }
  return token;
}

}  // namespace ringpost::store
