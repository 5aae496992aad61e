// One connection of the sink: a server session that says yes to everything but what the script
// forbids. Owner: one Sink, which frees it at the end of the turn in which it told
// connection_over().
#pragma once

#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/net/stream.h"
#include "engine/ring/core.h"
#include "engine/tls/channel.h"
#include "proto/smtp/server_session.h"
#include "tools/load/arrival.h"
#include "tools/load/script.h"

namespace ringpost::load {

class Sink;
struct Destination;

class SinkConnection final : private net::StreamOwner {
 public:
  using Place = std::list<std::unique_ptr<SinkConnection>>::iterator;

  SinkConnection(Sink& sink, const Destination& destination, int direct_file);
  SinkConnection(const SinkConnection&) = delete;
  SinkConnection& operator=(const SinkConnection&) = delete;

  // 421 at the next command boundary.
  void shut_down();

  Place place{};  // the sink's, for finding it again

 private:
  void opened(const std::optional<net::Address>& peer) override;
  void connect_failed(int) override {}
  void received(memory::Buffer buffer) override;
  void receive_ended(int error) override;
  void sent(int error) override;
  void closed() override;

  // TLS between the stream and the dialogue.
  struct Secured final : tls::ChannelOwner {
    Secured(SinkConnection& owner, const tls::ServerContext& context, tls::Signer& signer)
        : connection(owner), channel(context, signer, *this) {}
    void channel_resumes() override { connection.decrypt({}); }

    SinkConnection& connection;
    tls::Channel channel;
    std::string waiting{};  // octets that came while a signature was awaited
    bool stands = false;
  };
  void begin_tls();
  void decrypt(Bytes octets);
  bool tls_stands();
  void take_octets(Bytes octets);
  bool begin_lmtp();
  void feed(Bytes octets);
  void feed_unread();
  bool take_events();
  void take(const smtp::Opened&);
  void take(const smtp::HelloReceived& hello);
  void take(const smtp::MailFrom& mail);
  void take(const smtp::RcptTo& rcpt);
  void take(const smtp::ContentBegin& content);
  void take(const smtp::Content& content);
  void take(const smtp::ContentEnd&);
  void take(const smtp::StartTlsReceived&);
  void take(const smtp::AuthStep&) {}  // is not offered
  void take(const smtp::AuthAborted&) {}
  void take(const smtp::ContentAborted&);
  void take(const smtp::Reset&) {}
  void take(const smtp::SmallCommand&) {}
  void take(const smtp::Violation&) {}
  void take(const smtp::Closed&) {}

  // What is asked waits in asked_ until it is answered, which a rule may delay.
  void ask(Step step, std::optional<smtp::Reply> objection = std::nullopt);
  void decide();
  Occasion occasion() const;
  void act();
  void answer(Step step, const smtp::Reply* reply);
  void answer_recipient(const smtp::Reply* reply);
  void answer_in_words(std::string_view lines);
  void count_message();
  void time_is_up();
  void drop();
  bool is_over() const { return stream_.closing() || closes_; }
  void go_on();
  void gather_replies(bool ends);

  Sink& sink_;
  const Destination& destination_;
  net::Stream stream_;
  smtp::ServerSession session_;
  std::unique_ptr<Secured> tls_;
  std::string replies_;      // what the kernel is sending; stays until sent()
  std::string output_;       // replies that go before those that the session holds
  std::string unread_;       // octets that the session would not take yet
  bool more_waits_ = false;  // the peer has sent more than what is asked about
  bool lmtp_begun_ = false;
  bool said_lhlo_ = false;
  bool closes_ = false;  // once what was said has left

  // The transaction.
  std::string sender_;
  std::vector<std::string> recipients_;  // accepted ones; the last one may still be asked about
  Arrival arrival_;
  std::uint64_t octets_ = 0;
  bool has_high_ = false;  // octets above 127, where they were not announced

  std::optional<Step> asked_;
  std::optional<smtp::Reply> objection_;  // to what was asked, where no rule says otherwise
  bool extended_hello_ = false;
  std::size_t at_recipient_ = 0;  // LMTP: whose reply to the content comes next
  std::vector<std::string> taken_for_;
  std::string content_replies_;
  const Rule* rule_ = nullptr;
  ring::TimerOf<SinkConnection, &SinkConnection::time_is_up> delay_{*this};
};

}  // namespace ringpost::load
