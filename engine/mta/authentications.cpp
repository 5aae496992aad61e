// Questions about passwords on their way: see authentications.h.
#include "engine/mta/authentications.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "engine/mta/auth_service.h"
#include "engine/mta/enquiries.h"
#include "engine/mta/hash_functions.h"
#include "engine/ring/await.h"
#include "proto/base/ascii.h"

namespace ringpost::mta {

namespace {

constexpr std::size_t decoy_salt_octets = 16;

struct AwaitedCheck : PasswordCheck {
  AwaitedCheck(ring::Core& core, std::string stored, Secret password)
      : PasswordCheck(&AwaitedCheck::arrived, core, std::move(stored), std::move(password)) {}
  static void arrived(ring::Message& message) { static_cast<AwaitedCheck&>(message).done.set(); }
  ring::Signal done;
};

struct AwaitedPam : PamCheck {
  AwaitedPam(ring::Core& core, sasl::PamRequest question)
      : PamCheck(&AwaitedPam::arrived, core, std::move(question)) {}
  static void arrived(ring::Message& message) { static_cast<AwaitedPam&>(message).done.set(); }
  ring::Signal done;
};

struct AwaitedDovecot final : DovecotAsker {
  void dovecot_replied(const sasl::DovecotReply& given) override {
    reply = given;
    done.set();
  }
  sasl::DovecotReply reply;
  ring::Signal done;
};

AuthAnswer failed(std::string reason) {
  return {.state = AuthAnswer::State::Failed, .reason = std::move(reason)};
}

}  // namespace

struct Authentication {
  Authentication(Authentications& of, AuthQuestion what, std::shared_ptr<const Generation> with,
                 AuthAsker& by)
      : owner(of), question(std::move(what)), generation(std::move(with)), asker(&by) {}
  ~Authentication() { owner.parts_.core.timers().disarm(timer); }

  void time_is_up() { owner.tell(*this, failed("no answer in time")); }

  Authentications& owner;
  AuthQuestion question;
  std::shared_ptr<const Generation> generation;  // keeps the table
  AuthAsker* asker;                              // null: nobody waits any more
  std::list<Authentication>::iterator self{};
  ring::TimerOf<Authentication, &Authentication::time_is_up> timer{*this};
};

Authentications::Authentications(WorkerParts& parts) : parts_(parts) {}
Authentications::~Authentications() { CHECK(idle()); }

bool Authentications::full() const { return under_way_.size() >= authentications_max; }
bool Authentications::idle() const {
  const bool closed =
      std::ranges::all_of(dovecots_, [](const auto& entry) { return entry.second->is_closed(); });
  return under_way_.empty() && running_.idle() && closed;
}

void Authentications::stop() {
  for (auto& [path, link] : dovecots_) link->stop();
}

void Authentications::ask(AuthQuestion question, std::shared_ptr<const Generation> generation,
                          AuthAsker& asker) {
  CHECK(!full() && asker.under_way_ == nullptr);
  Authentication& one =
      under_way_.emplace_back(*this, std::move(question), std::move(generation), asker);
  one.self = std::prev(under_way_.end());
  asker.under_way_ = &one;
  parts_.metrics.auth.under_way.used.add();
  parts_.core.timers().arm(one.timer, parts_.core.now() + authentication_max);
  ring::Task<void>::spawn(running_, run(one));
}

ring::Task<void> Authentications::run(Authentication& one) {
  // The asker is answered in a turn of its own, also when nothing has to be waited for.
  co_await ring::Pause(parts_.core, Duration{});
  AuthAnswer answer = co_await answer_to(one);
  tell(one, std::move(answer));
  parts_.metrics.auth.under_way.give_back();
  under_way_.erase(one.self);
}

ring::Task<AuthAnswer> Authentications::answer_to(Authentication& one) {
  const AuthQuestion& question = one.question;
  const conf::Table* const table = question.credentials;
  if (table == nullptr) co_return co_await ask_system(one);
  if (table->backend() == conf::TableBackend::Dovecot)
    co_return co_await ask_dovecot(one, table->path_or_command());
  conf::Answer found;
  if (table->backend() == conf::TableBackend::Memory) {
    const auto row = table->find(question.user);
    found.state = row ? conf::AnswerState::Found : conf::AnswerState::NotFound;
    found.text = row.value_or("");
  } else {
    conf::Question asked =
        conf::TableQuestion{table, conf::TableService::Credentials, ascii::lower(question.user)};
    found = co_await parts_.enquiries->find(std::move(asked), one.generation);
  }
  if (found.state == conf::AnswerState::TemporaryFailure) co_return failed(std::move(found.text));
  std::string stored =
      found.state == conf::AnswerState::Found ? credential_in(found.text) : std::string();
  if (!question.password) co_return keys_in(question, stored);
  co_return co_await compare(one, std::move(stored));
}

ring::Task<AuthAnswer> Authentications::ask_system(Authentication& one) {
  AuthQuestion& question = one.question;
  if (!question.password) co_return failed("the system's users have no keys");
  sasl::PamRequest request;
  request.user = question.user;
  request.password = std::move(*question.password);
  request.client = question.client_address;
  AwaitedPam check(parts_.core, std::move(request));
  parts_.auth->pam.check(check);
  co_await check.done;
  AuthAnswer answer{.reason = std::move(check.reply.reason)};
  if (check.reply.result == sasl::PamResult::Accepted) answer.state = AuthAnswer::State::Accepted;
  if (check.reply.result == sasl::PamResult::Refused) answer.state = AuthAnswer::State::Refused;
  co_return answer;
}

ring::Task<AuthAnswer> Authentications::ask_dovecot(Authentication& one, const std::string& path) {
  if (!one.question.password) co_return failed("Dovecot gives no keys");
  std::unique_ptr<DovecotLink>& link = dovecots_[path];
  if (link == nullptr) {
    const auto socket = net::SocketPath::parse(path);
    if (!socket) co_return failed("no path of a socket: " + path);
    link = std::make_unique<DovecotLink>(parts_, *socket);
  }
  AwaitedDovecot waiting;
  link->ask(one.question.user, *one.question.password, one.question.client_address, waiting);
  one.question.password.reset();
  co_await waiting.done;
  switch (waiting.reply.kind) {
    case sasl::DovecotReply::Kind::Accepted:
      co_return AuthAnswer{.state = AuthAnswer::State::Accepted};
    case sasl::DovecotReply::Kind::Refused:
      co_return AuthAnswer{.state = AuthAnswer::State::Refused, .reason = "Dovecot refuses it"};
    default:
      co_return failed(std::move(waiting.reply.user));
  }
}

ring::Task<AuthAnswer> Authentications::compare(Authentication& one, std::string stored) {
  const bool known = !stored.empty();
  AwaitedCheck check(parts_.core, std::move(stored), std::move(*one.question.password));
  parts_.auth->passwords.check(check);
  co_await check.done;
  switch (check.result) {
    case PasswordCheck::Result::Right:
      co_return AuthAnswer{.state = AuthAnswer::State::Accepted};
    case PasswordCheck::Result::Wrong:
      co_return AuthAnswer{.state = AuthAnswer::State::Refused,
                           .reason = known ? "wrong password" : "unknown user"};
    case PasswordCheck::Result::Unusable:
      co_return failed("the table holds no hash that is known here");
    case PasswordCheck::Result::Busy:
      break;
  }
  co_return failed("too many passwords wait to be compared");
}

// Keys for a user who has none are made of the name and a secret: the same each time, and nobody
// can tell.
AuthAnswer Authentications::keys_in(const AuthQuestion& question, const std::string& stored) const {
  if (auto keys = sasl::parse_scram_keys(stored))
    return {.state = AuthAnswer::State::Accepted, .keys = std::move(*keys)};
  AuthAnswer answer{.state = AuthAnswer::State::Refused,
                    .reason = stored.empty() ? "unknown user" : "no keys for SCRAM"};
  const sasl::Hash made = hash_functions().hmac_sha256(parts_.auth->decoy_secret,
                                                       bytes_of(ascii::lower(question.user)));
  answer.keys.salt = sasl::text_of(made).substr(0, decoy_salt_octets);
  return answer;
}

void Authentications::tell(Authentication& one, AuthAnswer answer) {
  if (one.asker == nullptr) return;
  AuthAsker& asker = *std::exchange(one.asker, nullptr);
  asker.under_way_ = nullptr;
  asker.answered(std::move(answer));
}

void Authentications::forget(AuthAsker& asker) {
  if (asker.under_way_ == nullptr) return;
  asker.under_way_->asker = nullptr;
  asker.under_way_ = nullptr;
}

std::string credential_in(std::string_view value) {
  const std::size_t colon = value.find(':');
  return std::string(colon == value.npos ? value : value.substr(colon + 1));
}

}  // namespace ringpost::mta
