// Comparing passwords: see password_pool.h.
#include "engine/mta/password_pool.h"

#include <algorithm>
#include <array>
#include <memory>

#include <crypt.h>

#include "engine/mta/hash_functions.h"
#include "proto/base/ascii.h"
#include "proto/sasl/scram_keys.h"

namespace ringpost::mta {
namespace {

using Result = PasswordCheck::Result;

// How Dovecot's tables mark what crypt(3) made.
constexpr std::array crypt_schemes = std::to_array<std::string_view>(
    {"{CRYPT}", "{BLF-CRYPT}", "{SHA512-CRYPT}", "{SHA256-CRYPT}", "{MD5-CRYPT}"});

std::string without_scheme(std::string_view stored) {
  for (const std::string_view scheme : crypt_schemes)
    if (ascii::starts_ignoring_case(stored, scheme)) stored.remove_prefix(scheme.size());
  return std::string(stored);
}

// shadow(5): nobody has such a password.
bool is_locked(std::string_view stored) {
  return stored.starts_with('!') || stored.starts_with('*');
}

Result compare_crypt(std::string_view stored, const Secret& password) {
  // Longer ones crypt(3) refuses, whatever the hash is: nobody can have one.
  if (password.size() >= CRYPT_MAX_PASSPHRASE_SIZE) return Result::Wrong;
  // crypt(3) ends what it reads at a zero octet.
  const std::string setting = without_scheme(stored);
  Secret phrase(password.size() + 1);
  std::ranges::copy(password.reveal(), phrase.writable());
  const auto room = std::make_unique<crypt_data>();
  const char* hash =
      crypt_rn(phrase.reveal().data(), setting.c_str(), room.get(), sizeof(crypt_data));
  const bool usable = hash != nullptr && *hash != '*';
  const bool same = usable && equal_in_constant_time(hash, setting);
  wipe(room.get(), sizeof(crypt_data));
  if (!usable) return Result::Unusable;
  return same ? Result::Right : Result::Wrong;
}

}  // namespace

Result compare_password(std::string_view stored, const Secret& password) {
  if (is_locked(stored)) return Result::Wrong;
  if (!ascii::starts_ignoring_case(stored, sasl::scram_keys_scheme))
    return compare_crypt(stored, password);
  const auto keys = sasl::parse_scram_keys(stored);
  if (!keys) return Result::Unusable;
  const sasl::ScramKeys given =
      sasl::make_scram_keys(password.reveal(), keys->salt, keys->iterations, hash_functions());
  const bool same =
      equal_in_constant_time(sasl::text_of(given.stored), sasl::text_of(keys->stored));
  return same ? Result::Right : Result::Wrong;
}

PasswordPool::PasswordPool(unsigned threads) {
  crypt_data room{};
  const char* made = crypt_gensalt_rn(nullptr, 0, nullptr, 0, room.output, sizeof room.output);
  decoy_ = made != nullptr ? made : "$6$ringpost$";
  for (unsigned i = 0; i < threads; ++i) threads_.emplace_back([this] { run(); });
}

PasswordPool::~PasswordPool() {
  {
    const std::lock_guard guard(lock_);
    stopping_ = true;
  }
  waiting_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void PasswordPool::check(PasswordCheck& check) {
  {
    const std::lock_guard guard(lock_);
    if (checks_.size() >= password_checks_waiting_max) {
      check.result = Result::Busy;
      check.core.post(check);
      return;
    }
    checks_.push_back(&check);
  }
  waiting_.notify_one();
}

void PasswordPool::run() {
  std::unique_lock guard(lock_);
  while (true) {
    waiting_.wait(guard, [this] { return stopping_ || !checks_.empty(); });
    if (checks_.empty()) return;
    PasswordCheck& check = *checks_.front();
    checks_.pop_front();
    const bool known = !check.stored.empty();
    const std::string stored = known ? check.stored : decoy_;
    guard.unlock();
    Result result = compare_password(stored, check.password);
    if (!known) result = Result::Wrong;
    check.password = Secret();
    guard.lock();
    if (known && result != Result::Unusable && !is_locked(stored)) decoy_ = stored;
    check.result = result;
    check.core.post(check);
  }
}

}  // namespace ringpost::mta
