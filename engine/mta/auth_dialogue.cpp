// The AUTH of one connection: see auth_dialogue.h.
#include "engine/mta/auth_dialogue.h"

#include <array>
#include <span>
#include <utility>

#include "engine/mta/auth_service.h"
#include "engine/mta/hash_functions.h"
#include "engine/mta/random.h"
#include "proto/base/ascii.h"
#include "proto/base/base64.h"
#include "proto/smtp/replies.h"

namespace ringpost::mta {
namespace {

namespace replies = smtp::replies;

// Who has had enough attempts does not get a quick answer either.
constexpr Duration limited_delay = seconds(2);

std::string random_nonce() {
  std::array<std::byte, 18> octets{};
  fill_random(octets);
  return base64_encode(text_of(Bytes(octets)));
}

std::string_view reason_of(sasl::Refusal refusal) {
  switch (refusal) {
    case sasl::Refusal::Malformed:
      return "malformed";
    case sasl::Refusal::OtherIdentity:
      return "other identity";
    case sasl::Refusal::NoChannelBinding:
      return "channel binding";
    case sasl::Refusal::WrongCredentials:
      break;
  }
  return "wrong password";
}

}  // namespace

AuthDialogue::AuthDialogue(WorkerParts& parts, std::shared_ptr<const Generation> generation,
                           AuthClient client, AuthDialogueOwner& owner)
    : parts_(parts),
      generation_(std::move(generation)),
      client_(std::move(client)),
      owner_(owner) {}

AuthDialogue::~AuthDialogue() {
  parts_.core.timers().disarm(timer_);
  parts_.authentications->forget(*this);
  if (asking_) count_abandoned();
}

void AuthDialogue::take(const smtp::AuthStep& step) {
  if (!step.mechanism.empty()) return begin(step);
  const std::string_view response = step.response->reveal();
  if (auto* password = std::get_if<sasl::PasswordExchange>(&exchange_))
    return go_on(password->respond(response));
  if (auto* scram = std::get_if<sasl::ScramExchange>(&exchange_))
    return go_on(scram->respond(response));
  reply(replies::auth_malformed);
}

bool AuthDialogue::offers(std::string_view mechanism) const {
  std::string_view rest = client_.mechanisms;
  while (!rest.empty()) {
    const std::string_view word = rest.substr(0, rest.find(' '));
    if (word == mechanism) return true;
    rest.remove_prefix(std::min(rest.size(), word.size() + 1));
  }
  return false;
}

void AuthDialogue::begin(const smtp::AuthStep& step) {
  const auto mechanism = sasl::mechanism_of(step.mechanism);
  if (!mechanism || !offers(step.mechanism)) return reply(replies::mechanism_unknown);
  mechanism_ = *mechanism;
  user_.clear();
  std::optional<std::string_view> initial;
  if (step.response) initial = step.response->reveal();
  if (mechanism_ == sasl::Mechanism::Plain || mechanism_ == sasl::Mechanism::Login) {
    auto& exchange = exchange_.emplace<sasl::PasswordExchange>(mechanism_);
    return go_on(exchange.begin(initial));
  }
  const bool plus = mechanism_ == sasl::Mechanism::ScramSha256Plus;
  sasl::ScramSettings settings{.hashing = &hash_functions(),
                               .plus = plus,
                               .plus_offered = offers("SCRAM-SHA-256-PLUS"),
                               .bindings = client_.bindings,
                               .nonce = random_nonce()};
  auto& exchange = exchange_.emplace<sasl::ScramExchange>(std::move(settings));
  go_on(exchange.begin(initial));
}

void AuthDialogue::go_on(sasl::Step step) {
  std::visit([this](auto& what) { on(what); }, step);
}

void AuthDialogue::on(const sasl::Challenge& challenge) {
  const std::string text = base64_encode(challenge.octets);
  reply({334, {}, text});
}

void AuthDialogue::on(sasl::PasswordGiven& given) {
  exchange_.emplace<std::monostate>();
  if (let_through(given.user)) ask(std::move(given.password));
}

void AuthDialogue::on(sasl::KeysWanted& wanted) {
  if (let_through(wanted.user)) ask(std::nullopt);
}

void AuthDialogue::on(const sasl::Proved&) { accept(); }

void AuthDialogue::on(const sasl::Refused& refused) {
  if (!refused.user.empty()) user_ = refused.user;
  if (refused.reason != sasl::Refusal::Malformed)
    return fail(reason_.empty() ? reason_of(refused.reason) : std::string_view(reason_));
  exchange_.emplace<std::monostate>();
  reply(replies::auth_malformed);
}

bool AuthDialogue::let_through(const std::string& user) {
  using enum sasl::AttemptCounts::Verdict;
  user_ = user;
  const auto verdict = parts_.auth->attempts.judge(client_.group, ascii::lower(user_),
                                                   generation_->attempt_limits, parts_.core.now());
  if (verdict == Allowed) return true;
  exchange_.emplace<std::monostate>();
  parts_.metrics.auth.limited.add();
  parts_.events.emit(
      parts_.core.wall(),
      observe::AuthRefused{.session = client_.session,
                           .client = client_.address,
                           .user = user_,
                           .mechanism = sasl::to_text(mechanism_),
                           .reason = verdict == AddressLimited ? "too many failures of the address"
                                                               : "too many failures of the account",
                           .delay = limited_delay});
  park(replies::auth_limited, limited_delay);
  return false;
}

void AuthDialogue::ask(std::optional<Secret> password) {
  if (parts_.authentications->full()) return put_off("too many clients wait");
  AuthQuestion question{.credentials = client_.credentials,
                        .user = user_,
                        .password = std::move(password),
                        .client_address = std::string(client_.address)};
  asking_ = question.password.has_value();
  parts_.authentications->ask(std::move(question), generation_, *this);
}

void AuthDialogue::answered(AuthAnswer answer) {
  asking_ = false;
  if (answer.state == AuthAnswer::State::Failed) return put_off(answer.reason);
  const bool known = answer.state == AuthAnswer::State::Accepted;
  if (auto* scram = std::get_if<sasl::ScramExchange>(&exchange_)) {
    reason_ = known ? std::string() : answer.reason;
    return go_on(scram->found(std::move(answer.keys), known));
  }
  known ? accept() : fail(answer.reason);
}

void AuthDialogue::accept() {
  exchange_.emplace<std::monostate>();
  parts_.auth->attempts.succeeded(client_.group, ascii::lower(user_), generation_->attempt_limits,
                                  parts_.core.now());
  parts_.metrics.auth.accepted.add();
  parts_.events.emit(parts_.core.wall(),
                     observe::AuthAccepted{.session = client_.session,
                                           .client = client_.address,
                                           .user = user_,
                                           .mechanism = sasl::to_text(mechanism_)});
  reply(replies::authenticated, user_);
}

void AuthDialogue::fail(std::string_view reason) {
  exchange_.emplace<std::monostate>();
  const Duration delay = count_failure();
  tell_of_failure(reason, delay);
  park(replies::wrong_credentials, delay);
}

// Who goes before the answer has had the same work done as somebody with a wrong password. Counted
// only now: clients that begin many at once, and are right, are not to be held for guessers.
void AuthDialogue::count_abandoned() {
  count_failure();
  tell_of_failure("the client went before the answer", {});
}

// How long the answer is held back.
Duration AuthDialogue::count_failure() {
  parts_.metrics.auth.refused.add();
  return parts_.auth->attempts.failed(client_.group, ascii::lower(user_),
                                      generation_->attempt_limits, parts_.core.now());
}

void AuthDialogue::tell_of_failure(std::string_view reason, Duration delay) {
  parts_.events.emit(parts_.core.wall(),
                     observe::AuthRefused{.session = client_.session,
                                          .client = client_.address,
                                          .user = user_,
                                          .mechanism = sasl::to_text(mechanism_),
                                          .reason = reason,
                                          .delay = delay});
}

void AuthDialogue::put_off(std::string_view reason) {
  exchange_.emplace<std::monostate>();
  parts_.metrics.auth.failed.add();
  parts_.events.emit(parts_.core.wall(), observe::AuthFailed{.session = client_.session,
                                                             .client = client_.address,
                                                             .user = user_,
                                                             .mechanism = sasl::to_text(mechanism_),
                                                             .reason = reason});
  reply(replies::auth_unavailable);
}

void AuthDialogue::park(const smtp::ReplyView& reply, Duration delay) {
  parked_ = &reply;
  parts_.core.timers().arm(timer_, parts_.core.now() + delay);
}

void AuthDialogue::delay_over() { reply(*std::exchange(parked_, nullptr)); }

void AuthDialogue::hurry() {
  if (parked_ == nullptr) return;
  parts_.core.timers().disarm(timer_);
  delay_over();
}

void AuthDialogue::aborted() { exchange_.emplace<std::monostate>(); }

void AuthDialogue::reply(const smtp::ReplyView& reply, const std::string& user) {
  owner_.auth_replied(reply, user);
}

}  // namespace ringpost::mta
