// AuthService: what all cores share to authenticate clients. Made at the start; outlives every
// core.
#pragma once

#include <algorithm>
#include <thread>

#include "engine/mta/attempt_limiter.h"
#include "engine/mta/pam_link.h"
#include "engine/mta/password_pool.h"
#include "engine/mta/random.h"
#include "proto/sasl/hashing.h"

namespace ringpost::mta {

// Slow hashes take whole processors: more threads than these would only take them from the cores.
inline constexpr unsigned password_threads_max = 4;

struct AuthService {
  // `parent` outlives it; null: the system's users cannot be asked.
  explicit AuthService(process::ParentLink* parent) : pam(parent) { fill_random(decoy_secret); }

  PasswordPool passwords{std::clamp(std::thread::hardware_concurrency(), 1u, password_threads_max)};
  PamLink pam;
  AttemptLimiter attempts;
  sasl::Hash decoy_secret{};  // from which the keys of unknown users are made up
};

}  // namespace ringpost::mta
