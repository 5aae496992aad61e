// Authentications: the questions of one core, under way, whether a password is right and which keys
// a user has: in tables, in the pool of threads that hashes, or with somebody else. Each has a
// deadline, after which the asker is told of a failure; what was asked may still be at work then,
// and the core stays until it has come back. Owner: one core.
#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "engine/mta/dovecot_link.h"
#include "engine/mta/generation.h"
#include "engine/mta/worker_parts.h"
#include "engine/ring/task.h"
#include "proto/base/secret.h"
#include "proto/sasl/scram_keys.h"

namespace ringpost::mta {

// How long an answer may take before the client hears 454.
inline constexpr Duration authentication_max = seconds(30);
// Questions of one core that are under way; more fail for now.
inline constexpr std::size_t authentications_max = 1000;

struct AuthQuestion {
  const conf::Table* credentials = nullptr;  // of the generation; null: the system's users
  std::string user = {};
  std::optional<Secret> password = {};  // nothing: the user's keys are wanted
  std::string client_address = {};
};

struct AuthAnswer {
  enum class State : std::uint8_t {
    Accepted,  // or: the keys are the user's
    Refused,   // or: the keys are made up, because the user has none
    Failed,    // nobody can say for now; `reason` is for the log
  };
  State state = State::Failed;
  std::string reason = {};
  sasl::ScramKeys keys = {};
};

struct Authentication;

class AuthAsker {
 public:
  // In a turn of the core of its own, never from within ask().
  virtual void answered(AuthAnswer answer) = 0;

 protected:
  ~AuthAsker() = default;

 private:
  friend class Authentications;
  Authentication* under_way_ = nullptr;
};

class Authentications {
 public:
  explicit Authentications(WorkerParts& parts);
  // Only when idle.
  ~Authentications();
  Authentications(const Authentications&) = delete;
  Authentications& operator=(const Authentications&) = delete;

  // No room for another question.
  bool full() const;
  // Not when full. `asker` is answered once, unless forget() is called before.
  void ask(AuthQuestion question, std::shared_ptr<const Generation> generation, AuthAsker& asker);
  void forget(AuthAsker& asker);
  // Ends the connections to others; who waits for them is told of a failure.
  void stop();
  // Nothing is under way any more, and stop() is done.
  bool idle() const;

 private:
  friend struct Authentication;
  ring::Task<void> run(Authentication& one);
  ring::Task<AuthAnswer> answer_to(Authentication& one);
  ring::Task<AuthAnswer> ask_system(Authentication& one);
  ring::Task<AuthAnswer> ask_dovecot(Authentication& one, const std::string& path);
  ring::Task<AuthAnswer> compare(Authentication& one, std::string stored);
  AuthAnswer keys_in(const AuthQuestion& question, const std::string& stored) const;
  void tell(Authentication& one, AuthAnswer answer);

  WorkerParts& parts_;
  std::list<Authentication> under_way_;
  std::map<std::string, std::unique_ptr<DovecotLink>> dovecots_;  // by path
  ring::Scope running_;
};

// The hash or the keys in a value of a table of credentials: "user:hash", or the hash alone.
std::string credential_in(std::string_view value);

}  // namespace ringpost::mta
