// Inbound: connections from proxies: who may be one, and what it says of the client, before
// anything else is read. Who is refused gets no word: it does not speak SMTP, or is not to know.
#include "engine/mta/inbound.h"

namespace ringpost::mta {
namespace {

// A proxy sends its header at once; the text of the protocol asks for 3 s at least.
constexpr Duration header_patience = seconds(5);

}  // namespace

// While the header is awaited the connection counts for its core alone: whose it is, is not known.
bool Inbound::await_proxy() {
  observe::LimitGauge& here = parts_.metrics.session.connections;
  const auto address = std::exchange(client_address_, std::nullopt);
  proxy_ = std::exchange(client_, {});
  if (listener_.proxies != nullptr && !(address && listener_.proxies->matches_address(*address))) {
    refuse_proxy("not a proxy that is trusted");
    return false;
  }
  if (here.used.value() >= parts_.connections_max) {
    here.refused.add();
    refuse_proxy("too many connections");
    return false;
  }
  here.used.add();
  waiting_ = Waiting::Proxy;
  proxy_header_ = std::make_unique<proxy::HeaderReader>();
  parts_.core.timers().arm(timer_, parts_.core.now() + header_patience);
  return true;
}

// False when there is nothing to go on with.
bool Inbound::read_proxy_header() {
  if (stream_.closing()) return false;
  consumed_ += proxy_header_->receive(unread());
  if (!proxy_header_->done()) {
    drop_consumed();
    return false;
  }
  const auto result = proxy_header_->result();
  if (!result) {
    refuse_proxy(to_text(result.error()));
    return false;
  }
  // Rules decide by addresses: somebody unknown must not pass for the proxy itself.
  if (result->kind == proxy::Origin::Kind::Nobody) {
    refuse_proxy("the PROXY header names no address");
    return false;
  }
  know_origin(*result);
  return true;
}

void Inbound::know_origin(const proxy::Origin& origin) {
  waiting_ = Waiting::Nothing;
  proxy_header_.reset();
  parts_.core.timers().disarm(timer_);
  parts_.metrics.session.connections.give_back();
  if (origin.kind == proxy::Origin::Kind::Proxy) {
    client_ = std::exchange(proxy_, {});
    client_address_ = conf::parse_net_address(client_);
  } else {
    client_ = conf::to_text(origin.address);
    if (filters_ != nullptr)
      if (const auto peer = net::Address::parse(client_, origin.port)) source_ = peer->to_text();
    client_address_ = origin.address;
  }
}

// Whether it lives is often asked by a connection that says nothing at all.
void Inbound::proxy_gone() {
  octets_ == 0 ? stream_.abort() : refuse_proxy("it ended before a whole PROXY header");
}

void Inbound::refuse_proxy(std::string_view reason) {
  if (stream_.closing()) return;
  parts_.metrics.session.refused[observe::RefuseReason::Proxy].add();
  parts_.events.emit(parts_.core.wall(),
                     observe::ProxyRefused{
                         .proxy = proxy_, .listener = listener_.interface_name, .reason = reason});
  parts_.core.timers().disarm(timer_);
  stream_.abort();
}

}  // namespace ringpost::mta
