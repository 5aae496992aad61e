// One connection of the sink: a server session that says yes to everything. Owner: one Sink, which
// frees it at the end of the turn in which it told connection_over().
#pragma once

#include <list>
#include <memory>
#include <optional>
#include <string>

#include "engine/net/stream.h"
#include "proto/smtp/server_session.h"

namespace ringpost::load {

class Sink;

class SinkConnection final : private net::StreamOwner {
 public:
  using Place = std::list<std::unique_ptr<SinkConnection>>::iterator;

  SinkConnection(Sink& sink, int direct_file);
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

  void feed(Bytes octets);
  void feed_unread();
  bool take_events();
  void go_on();

  Sink& sink_;
  net::Stream stream_;
  smtp::ServerSession session_;
  std::string replies_;  // what the kernel is sending; stays until sent()
  std::string unread_;   // octets that the session would not take yet
};

}  // namespace ringpost::load
