// AuthDialogue: the AUTH of one connection, from the first word of the mechanism to the reply: has
// passwords compared, counts and delays failures, and says in the log who it was, never with what.
// Owner: an Inbound of one core.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "engine/mta/authentications.h"
#include "engine/mta/generation.h"
#include "engine/mta/worker_parts.h"
#include "engine/observe/event.h"
#include "proto/sasl/password_exchange.h"
#include "proto/sasl/scram_exchange.h"
#include "proto/smtp/event.h"
#include "proto/smtp/reply.h"

namespace ringpost::mta {

class AuthDialogueOwner {
 public:
  // The reply to the last step, perhaps from within take(). With 235 the client is `user`.
  virtual void auth_replied(const smtp::ReplyView& reply, const std::string& user) = 0;

 protected:
  ~AuthDialogueOwner() = default;
};

// What is known of the connection; what it names outlives the dialogue.
struct AuthClient {
  observe::SessionId session;
  std::string_view address;  // as text
  std::string group;         // address_group() of it
  const conf::Table* credentials = nullptr;
  std::string_view mechanisms;  // offered, with blanks between
  std::vector<sasl::ChannelBinding> bindings = {};
};

class AuthDialogue final : AuthAsker {
 public:
  AuthDialogue(WorkerParts& parts, std::shared_ptr<const Generation> generation, AuthClient client,
               AuthDialogueOwner& owner);
  ~AuthDialogue();
  AuthDialogue(const AuthDialogue&) = delete;
  AuthDialogue& operator=(const AuthDialogue&) = delete;

  void take(const smtp::AuthStep& step);
  // The client cancelled, or broke the exchange.
  void aborted();
  // The connection is to end soon: no delay any more.
  void hurry();

 private:
  // AuthAsker
  void answered(AuthAnswer answer) override;

  void begin(const smtp::AuthStep& step);
  bool offers(std::string_view mechanism) const;
  void go_on(sasl::Step step);
  void on(const sasl::Challenge& challenge);
  void on(sasl::PasswordGiven& given);
  void on(sasl::KeysWanted& wanted);
  void on(const sasl::Proved& proved);
  void on(const sasl::Refused& refused);
  bool let_through(const std::string& user);
  void ask(std::optional<Secret> password);
  void accept();
  void fail(std::string_view reason);
  void count_abandoned();
  Duration count_failure();
  void tell_of_failure(std::string_view reason, Duration delay);
  void put_off(std::string_view reason);
  void park(const smtp::ReplyView& reply, Duration delay);
  void delay_over();
  void reply(const smtp::ReplyView& reply, const std::string& user = {});

  WorkerParts& parts_;
  std::shared_ptr<const Generation> generation_;
  AuthClient client_;
  AuthDialogueOwner& owner_;
  std::variant<std::monostate, sasl::PasswordExchange, sasl::ScramExchange> exchange_;
  sasl::Mechanism mechanism_ = sasl::Mechanism::Plain;
  std::string user_;
  std::string reason_;   // why keys are made up
  bool asking_ = false;  // whether a password is right
  const smtp::ReplyView* parked_ = nullptr;
  ring::TimerOf<AuthDialogue, &AuthDialogue::delay_over> timer_{*this};
};

}  // namespace ringpost::mta
