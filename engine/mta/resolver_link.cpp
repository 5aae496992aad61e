// The sockets of a stub: see resolver_link.h. Randomness comes from the kernel, 256 octets at a
// time, which it never gives in part.
#include "engine/mta/resolver_link.h"

#include <utility>

#include "engine/mta/random.h"

namespace ringpost::mta {
namespace {

net::Address address_of(const dns::ServerAddress& server) {
  const auto address = net::Address::parse(conf::to_text(server.address), server.port);
  CHECK(address);
  return *address;
}

}  // namespace

struct ResolverLink::Port final : net::DatagramOwner {
  Port(ResolverLink& owner, dns::ChannelId number, const net::Address& to)
      : link(owner), channel(number), server(to), socket(owner.core_, owner.datagrams_, *this) {}

  void received(Bytes octets) override { link.receive(channel, octets); }
  void broken(int) override { link.broken(channel); }
  void closed() override { link.ports_.erase(channel); }

  ResolverLink& link;
  dns::ChannelId channel;
  net::Address server;
  net::Datagram socket;
};

struct ResolverLink::Call final : net::StreamOwner {
  Call(ResolverLink& owner, dns::ChannelId number, const net::Address& server)
      : link(owner), channel(number), stream(owner.core_, owner.streams_, *this) {
    stream.connect(server, link.settings_.timeout);
  }

  void opened(const std::optional<net::Address>&) override {
    is_open = true;
    stream.receive();
    if (!octets.empty()) stream.send(bytes_of(octets));
  }
  void received(memory::Buffer buffer) override { link.receive(channel, buffer.octets()); }
  void sent(int error) override {
    if (error != 0) end();
  }
  void receive_ended(int) override { end(); }
  void end() {
    stream.abort();
    link.broken(channel);
  }
  void connect_failed(int) override {
    ResolverLink& there = link;
    const dns::ChannelId gone = channel;
    there.calls_.erase(gone);  // this object ends here
    there.broken(gone);
  }
  void closed() override { link.calls_.erase(channel); }

  ResolverLink& link;
  dns::ChannelId channel;
  std::string octets;  // the one message that is sent
  bool is_open = false;
  net::Stream stream;
};

ResolverLink::ResolverLink(ring::Core& core, memory::BufferRing& datagrams,
                           memory::BufferRing& streams, dns::ResolverSettings settings,
                           ResolverLinkOwner& owner)
    : core_(core),
      datagrams_(datagrams),
      streams_(streams),
      settings_(std::move(settings)),
      owner_(owner),
      stub_({.settings = settings_}, [this] { return random(); }) {
  for (const dns::ServerAddress& server : settings_.servers) servers_.push_back(address_of(server));
}

ResolverLink::~ResolverLink() {
  CHECK(ports_.empty() && calls_.empty());
  core_.timers().disarm(timer_);
}

std::uint64_t ResolverLink::random() {
  if (random_left_ == 0) {
    fill_random(std::as_writable_bytes(std::span(random_)));
    random_left_ = random_.size();
  }
  return std::exchange(random_[--random_left_], 0);
}

void ResolverLink::ask(const dns::Question& question, dns::Asker asker) {
  stub_.ask(question, asker, core_.now());
  settle();
}

// What the stub wants done, until it wants nothing. Whoever is told an answer may ask again from
// inside: the outermost call goes on with that.
void ResolverLink::settle() {
  if (settling_ || closing_) return;
  settling_ = true;
  for (bool any = true; any && !closing_;) {
    any = false;
    while (auto order = stub_.next_order()) {
      std::visit([this](auto& what) { carry_out(std::move(what)); }, *order);
      any = true;
    }
    if (auto finished = stub_.next_finished()) {
      owner_.finished(std::move(*finished));
      any = true;
    }
  }
  settling_ = false;
  const Instant deadline = closing_ ? never : stub_.deadline();
  if (deadline == never)
    core_.timers().disarm(timer_);
  else
    core_.timers().arm(timer_, deadline);
}

void ResolverLink::carry_out(dns::OpenChannel order) {
  const net::Address& server = servers_[order.server];
  if (order.is_stream)
    calls_.emplace(order.channel, std::make_unique<Call>(*this, order.channel, server));
  else
    ports_.emplace(order.channel, std::make_unique<Port>(*this, order.channel, server));
}

// A port is opened when it is used, and again when that failed.
void ResolverLink::carry_out(dns::SendOctets order) {
  const auto call = calls_.find(order.channel);
  if (call != calls_.end()) {
    call->second->octets = std::move(order.octets);
    if (call->second->is_open) call->second->stream.send(bytes_of(call->second->octets));
    return;
  }
  const auto port = ports_.find(order.channel);
  if (port == ports_.end()) return;
  net::Datagram& socket = port->second->socket;
  if (!socket.is_open() && !socket.open(port->second->server)) return broken(order.channel);
  socket.send(std::move(order.octets));
}

void ResolverLink::carry_out(dns::CloseChannel order) {
  const auto call = calls_.find(order.channel);
  if (call != calls_.end()) return call->second->stream.abort();
  const auto port = ports_.find(order.channel);
  if (port == ports_.end()) return;
  if (port->second->socket.is_closed())
    ports_.erase(port);
  else
    port->second->socket.close();
}

void ResolverLink::receive(dns::ChannelId channel, Bytes octets) {
  if (closing_) return;
  stub_.receive(channel, octets, core_.now());
  settle();
}

void ResolverLink::broken(dns::ChannelId channel) {
  if (closing_) return;
  stub_.broken(channel, core_.now());
  settle();
}

void ResolverLink::time_is_up() {
  stub_.expire(core_.now());
  settle();
}

void ResolverLink::publish(observe::ResolverMetrics& metrics) {
  const dns::StubCounters& now = stub_.counters();
  const auto add = [&](observe::Counter& counter, std::uint64_t dns::StubCounters::* field) {
    counter.add(now.*field - published_.*field);
  };
  add(metrics.hits, &dns::StubCounters::hits);
  add(metrics.hits_negative, &dns::StubCounters::hits_negative);
  add(metrics.misses, &dns::StubCounters::misses);
  add(metrics.coalesced, &dns::StubCounters::coalesced);
  add(metrics.datagrams, &dns::StubCounters::datagrams);
  add(metrics.streams, &dns::StubCounters::streams);
  add(metrics.timeouts, &dns::StubCounters::timeouts);
  add(metrics.unexpected, &dns::StubCounters::unexpected);
  add(metrics.malformed, &dns::StubCounters::malformed);
  add(metrics.failures, &dns::StubCounters::failures);
  published_ = now;
  metrics.cache_octets.used.set(stub_.cache().octets());
  metrics.questions.used.set(stub_.under_way());
}

void ResolverLink::close() {
  if (std::exchange(closing_, true)) return;
  core_.timers().disarm(timer_);
  std::erase_if(ports_, [](const auto& port) { return port.second->socket.is_closed(); });
  for (auto& [channel, port] : ports_) port->socket.close();
  for (auto& [channel, call] : calls_) call->stream.abort();
}

}  // namespace ringpost::mta
