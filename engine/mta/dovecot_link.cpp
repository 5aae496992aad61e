// The connection to Dovecot's auth socket: see dovecot_link.h.
#include "engine/mta/dovecot_link.h"

#include <algorithm>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <unistd.h>

#include "proto/base/base64.h"
#include "proto/base/fault.h"

namespace ringpost::mta {
namespace {

constexpr Duration look_interval = seconds(1);
constexpr unsigned cores_shift = 22;  // a process' number has 22 bits (proc(5))

sasl::DovecotReply failure_of(std::uint32_t id, const std::string& reason) {
  return {.kind = sasl::DovecotReply::Kind::TemporaryFailure, .id = id, .user = reason};
}

// RFC 4616 2: without an authorization identity.
Secret plain_response(std::string_view user, const Secret& password) {
  Secret message(user.size() + password.size() + 2);
  std::ranges::copy(user, message.writable() + 1);
  std::ranges::copy(password.reveal(), message.writable() + user.size() + 2);
  return base64_encode_secret(message.reveal());
}

}  // namespace

DovecotLink::DovecotLink(WorkerParts& parts, const net::SocketPath& path)
    : parts_(parts), path_(path) {}

DovecotLink::~DovecotLink() {
  parts_.core.timers().disarm(timer_);
  CHECK(stream_ == nullptr);
}

void DovecotLink::ask(std::string_view user, const Secret& password,
                      std::string_view client_address, DovecotAsker& asker) {
  const Instant now = parts_.core.now();
  if (stopping_) return asker.dovecot_replied(failure_of(0, "the daemon ends"));
  if (questions_.size() >= dovecot_questions_max)
    return asker.dovecot_replied(failure_of(0, "too many wait for Dovecot"));
  if (stream_ == nullptr && now < retry_at_)
    return asker.dovecot_replied(failure_of(0, "Dovecot cannot be reached"));
  Question question{.response = plain_response(user, password),
                    .client_address = std::string(client_address),
                    .asker = &asker,
                    .until = now + dovecot_answer_max};
  questions_.emplace(++last_id_, std::move(question));
  if (!timer_.armed()) parts_.core.timers().arm(timer_, now + look_interval);
  if (stream_ == nullptr) return connect();
  send_questions();
}

void DovecotLink::connect() {
  connected_ = false;
  dialogue_.emplace(static_cast<std::uint32_t>(getpid()) |
                    static_cast<std::uint32_t>(parts_.core.index()) << cores_shift);
  net::StreamOwner& owner = *this;
  stream_ = std::make_unique<net::Stream>(parts_.core, *parts_.buffers, owner);
  stream_->connect(path_, dovecot_connect_max);
}

void DovecotLink::opened(const std::optional<net::Address>&) {
  connected_ = true;
  stream_->receive();
  flush();
}

void DovecotLink::connect_failed(int error) {
  stream_.reset();
  retry_at_ = parts_.core.now() + dovecot_retry_after;
  fail_all(to_text(Fault{"connect to Dovecot", error}));
}

void DovecotLink::received(memory::Buffer buffer) {
  if (stream_->closing()) return;
  dialogue_->receive(buffer.octets());
  while (auto reply = dialogue_->next_reply()) settle(std::move(*reply));
  if (const auto reason = dialogue_->broken()) return end("Dovecot: " + std::string(*reason));
  send_questions();
}

void DovecotLink::send_questions() {
  if (!dialogue_->ready()) return;
  const auto& mechanisms = dialogue_->mechanisms();
  if (std::ranges::find(mechanisms, "PLAIN") == mechanisms.end())
    return end("Dovecot does not offer PLAIN");
  for (auto& [id, question] : questions_) {
    if (question.response.empty()) continue;
    dialogue_->ask({.id = id,
                    .mechanism = "PLAIN",
                    .client_address = question.client_address,
                    .response = question.response.reveal()});
    question.response = Secret();
  }
  flush();
}

void DovecotLink::flush() {
  if (!connected_ || stream_->sending() || stream_->closing()) return;
  sending_ = dialogue_->take_output();
  if (!sending_.empty()) stream_->send(bytes_of(sending_.reveal()));
}

void DovecotLink::sent(int error) {
  sending_ = Secret();
  if (error == 0) flush();
}

void DovecotLink::settle(sasl::DovecotReply reply) {
  const auto found = questions_.find(reply.id);
  if (found == questions_.end()) return;
  // PLAIN has said everything.
  if (reply.kind == sasl::DovecotReply::Kind::Continue) {
    dialogue_->give_up(reply.id);
    reply = failure_of(reply.id, "Dovecot wants more than a password");
  }
  DovecotAsker& asker = *found->second.asker;
  questions_.erase(found);
  asker.dovecot_replied(reply);
}

void DovecotLink::fail_all(const std::string& reason) {
  for (auto& [id, question] : std::exchange(questions_, {}))
    question.asker->dovecot_replied(failure_of(id, reason));
}

void DovecotLink::end(const std::string& reason) {
  fail_all(reason);
  if (stream_ != nullptr && !stream_->closing()) stream_->abort();
}

void DovecotLink::receive_ended(int) { end("Dovecot has closed the connection"); }

void DovecotLink::closed() {
  stream_.reset();
  retry_at_ = parts_.core.now() + dovecot_retry_after;
  fail_all("Dovecot has closed the connection");
}

void DovecotLink::stop() {
  stopping_ = true;
  end("the daemon ends");
}

// Those that Dovecot does not answer in time.
void DovecotLink::look() {
  std::vector<std::uint32_t> late;
  for (const auto& [id, question] : questions_)
    if (question.until <= parts_.core.now()) late.push_back(id);
  for (const std::uint32_t id : late) settle(failure_of(id, "Dovecot gives no answer in time"));
  if (!questions_.empty()) parts_.core.timers().arm(timer_, parts_.core.now() + look_interval);
}

}  // namespace ringpost::mta
