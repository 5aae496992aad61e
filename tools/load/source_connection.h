// One connection of the source: a client session on a stream. It tells its Source what happened and
// is told what to do next; it holds at most one stream and opens a new one only after the last one
// is closed. Owner: one Source, on its core.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "engine/net/stream.h"
#include "engine/tls/channel.h"
#include "proto/smtp/client_session.h"
#include "tools/load/content.h"

namespace ringpost::load {

class Source;

class SourceConnection final : private net::StreamOwner {
 public:
  SourceConnection(Source& source, std::uint32_t slot);
  SourceConnection(const SourceConnection&) = delete;
  SourceConnection& operator=(const SourceConnection&) = delete;

  void open();
  // Inside Source::ready(): sends one message; `due` is where its latency is counted from.
  // `number` is what "%d" in the recipient becomes.
  void send_message(const Content& content, std::uint64_t number, Instant due);
  // Inside Source::ready(), or later with go_on() after it: ends the session politely.
  void quit();
  // Later than Source::ready(): takes what came of send_message() or quit().
  void go_on();
  // Ends it at once.
  void abort();
  // Opens it again after a pause.
  void open_after(Duration pause);

  // True when a pause was cut short.
  bool forget_reopening();
  // Since the connection was opened.
  std::uint64_t messages_sent() const { return messages_sent_; }

 private:
  // A client without a certificate is asked for no signature, so nothing ever waits for one.
  struct Secured final : tls::ChannelOwner, tls::Signer {
    Secured(const tls::ClientContext& context, tls::ClientAim aim)
        : channel(context, std::move(aim), *this, *this) {}
    void channel_resumes() override {}
    void sign(tls::SignJob&, const tls::KeyName&, std::uint16_t, Bytes) override {}
    void forget(tls::SignJob&) override {}

    tls::Channel channel;
    bool stands = false;
  };

  void opened(const std::optional<net::Address>& peer) override;
  void connect_failed(int error) override;
  void received(memory::Buffer buffer) override;
  void receive_ended(int error) override;
  void sent(int error) override;
  void closed() override;

  void begin_tls();
  void decrypt(Bytes octets);
  bool tls_stands();
  void encrypt(std::span<const iovec> parts);
  void take_octets(Bytes octets);
  void feed(Bytes octets);
  void feed_unread();
  bool take_events();
  void take(const smtp::HandshakeWanted&);
  void take(const smtp::Ready&);
  void take(const smtp::ContentWanted& wanted);
  void take(const smtp::RecipientDone& outcome);
  void take(const smtp::MessageDone&) {}
  void take(const smtp::Ended& ended);
  void lose();
  void flush();
  void time_is_up();
  void retry();
  void watch_deadline();

  Source& source_;
  std::optional<net::Stream> stream_;
  std::optional<smtp::ClientSession> session_;
  std::unique_ptr<Secured> tls_;
  std::uint64_t messages_sent_ = 0;

  // The message under way; the session views it.
  MessageId id_;
  Instant due_{};
  const Content* content_ = nullptr;
  std::string recipient_path_;
  smtp::OutgoingRecipient recipient_;
  std::string id_fields_;
  bool content_wanted_ = false;
  bool content_chunked_ = false;
  bool content_in_flight_ = false;

  std::string commands_;  // what the kernel is sending; stays until sent()
  std::string unread_;    // octets that the session would not take yet
  std::array<iovec, 3> parts_{};
  ring::TimerOf<SourceConnection, &SourceConnection::time_is_up> deadline_{*this};
  ring::TimerOf<SourceConnection, &SourceConnection::retry> retry_{*this};
};

}  // namespace ringpost::load
