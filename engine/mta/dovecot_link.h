// DovecotLink: the way of one core to a Dovecot that says who clients are: one connection for all
// of them, made when it is needed. Where it breaks, everybody who waits is told of a failure, and
// the next question makes another. Owner: one core.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "engine/mta/worker_parts.h"
#include "engine/net/stream.h"
#include "proto/base/secret.h"
#include "proto/sasl/dovecot_auth.h"

namespace ringpost::mta {

inline constexpr Duration dovecot_connect_max = seconds(5);
inline constexpr Duration dovecot_retry_after = seconds(1);
inline constexpr Duration dovecot_answer_max = seconds(20);
inline constexpr std::size_t dovecot_questions_max = 1000;  // under way

class DovecotAsker {
 public:
  // Perhaps from within ask(). A failure's `user` is the reason.
  virtual void dovecot_replied(const sasl::DovecotReply& reply) = 0;

 protected:
  ~DovecotAsker() = default;
};

class DovecotLink final : net::StreamOwner {
 public:
  DovecotLink(WorkerParts& parts, const net::SocketPath& path);
  // Only when closed.
  ~DovecotLink();
  DovecotLink(const DovecotLink&) = delete;
  DovecotLink& operator=(const DovecotLink&) = delete;

  // Whether PLAIN is right with this name and password. `asker` is answered once, and stays until
  // then.
  void ask(std::string_view user, const Secret& password, std::string_view client_address,
           DovecotAsker& asker);
  // Ends the connection; who waits is told of a failure.
  void stop();
  bool is_closed() const { return stream_ == nullptr; }

 private:
  struct Question {
    Secret response;  // base64, until it was sent
    std::string client_address;
    DovecotAsker* asker = nullptr;
    Instant until{};
  };

  void opened(const std::optional<net::Address>&) override;
  void connect_failed(int error) override;
  void received(memory::Buffer buffer) override;
  void receive_ended(int error) override;
  void sent(int error) override;
  void closed() override;

  void connect();
  void send_questions();
  void flush();
  void settle(sasl::DovecotReply reply);
  void fail_all(const std::string& reason);
  void end(const std::string& reason);
  void look();

  WorkerParts& parts_;
  net::SocketPath path_;
  std::unique_ptr<net::Stream> stream_;
  std::optional<sasl::DovecotAuth> dialogue_;
  std::unordered_map<std::uint32_t, Question> questions_;
  std::uint32_t last_id_ = 0;
  Secret sending_;
  bool connected_ = false;
  bool stopping_ = false;
  Instant retry_at_{};
  ring::TimerOf<DovecotLink, &DovecotLink::look> timer_{*this};
};

}  // namespace ringpost::mta
