// ResolverLink: the sockets of one dns::Stub: carries out its orders, hands it what comes, keeps
// its time. For one set of servers; the Resolver makes another when these change. Owner: one core.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "engine/memory/buffer.h"
#include "engine/net/datagram.h"
#include "engine/net/stream.h"
#include "engine/observe/metrics.h"
#include "engine/ring/core.h"
#include "proto/dns/stub.h"

namespace ringpost::mta {

class ResolverLinkOwner {
 public:
  virtual void finished(dns::Finished finished) = 0;

 protected:
  ~ResolverLinkOwner() = default;
};

class ResolverLink {
 public:
  // `datagrams` and `streams` are where what comes is received into.
  ResolverLink(ring::Core& core, memory::BufferRing& datagrams, memory::BufferRing& streams,
               dns::ResolverSettings settings, ResolverLinkOwner& owner);
  // Only when it is closed.
  ~ResolverLink();
  ResolverLink(const ResolverLink&) = delete;
  ResolverLink& operator=(const ResolverLink&) = delete;

  const dns::ResolverSettings& settings() const { return settings_; }
  dns::AnswerPointer find(const dns::Question& question) {
    return stub_.find(question, core_.now());
  }
  // The owner hears of it, perhaps from inside this call.
  void ask(const dns::Question& question, dns::Asker asker);
  std::size_t under_way() const { return stub_.under_way(); }

  // Adds what has been counted since the last time.
  void publish(observe::ResolverMetrics& metrics);

  // Drops every question and closes every socket; nobody is told anything any more.
  void close();
  bool is_closed() const { return closing_ && ports_.empty() && calls_.empty(); }

 private:
  struct Port;  // a socket for datagrams
  struct Call;  // a TCP connection

  void settle();
  void carry_out(dns::OpenChannel order);
  void carry_out(dns::SendOctets order);
  void carry_out(dns::CloseChannel order);
  void broken(dns::ChannelId channel);
  void receive(dns::ChannelId channel, Bytes octets);
  void time_is_up();
  std::uint64_t random();

  ring::Core& core_;
  memory::BufferRing& datagrams_;
  memory::BufferRing& streams_;
  dns::ResolverSettings settings_;
  ResolverLinkOwner& owner_;
  std::vector<net::Address> servers_;
  std::array<std::uint64_t, 32> random_{};
  std::size_t random_left_ = 0;
  dns::Stub stub_;
  dns::StubCounters published_;
  std::unordered_map<dns::ChannelId, std::unique_ptr<Port>> ports_;
  std::unordered_map<dns::ChannelId, std::unique_ptr<Call>> calls_;
  bool settling_ = false;
  bool closing_ = false;
  ring::TimerOf<ResolverLink, &ResolverLink::time_is_up> timer_{*this};
};

}  // namespace ringpost::mta
