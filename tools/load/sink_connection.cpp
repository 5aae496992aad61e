// One connection of the sink; see sink_connection.h.
#include "tools/load/sink_connection.h"

#include <utility>

#include "tools/load/sink.h"

namespace ringpost::load {
namespace {

constexpr std::string_view server_name = "sink.ringpost.invalid";
constexpr Duration linger_limit = seconds(2);

}  // namespace

SinkConnection::SinkConnection(Sink& sink, int direct_file)
    : sink_(sink),
      stream_(sink.core(), sink.buffers(), *this),
      session_(sink.limits(), server_name, sink.core().now()) {
  stream_.accept(direct_file);
}

void SinkConnection::opened(const std::optional<net::Address>&) {
  ++sink_.statistics().connections;
  take_events();
  stream_.receive();
  go_on();
}

void SinkConnection::received(memory::Buffer buffer) {
  if (unread_.empty()) {
    feed(buffer.octets());
  } else {
    unread_ += text_of(buffer.octets());
    feed_unread();
  }
  go_on();
}

void SinkConnection::feed(Bytes octets) {
  while (!octets.empty()) {
    const std::size_t taken = session_.receive(octets, sink_.core().now());
    octets = octets.subspan(taken);
    const bool moved = take_events();
    if (taken == 0 && !moved) break;
  }
  unread_ += text_of(octets);
  // A peer that sends on without reading replies waits until some of them have left.
  if (!unread_.empty() && !stream_.closing()) stream_.hold();
}

void SinkConnection::feed_unread() {
  const std::string octets = std::exchange(unread_, {});
  feed(bytes_of(octets));
}

bool SinkConnection::take_events() {
  const Instant now = sink_.core().now();
  Statistics& statistics = sink_.statistics();
  bool any = false;
  while (const auto event = session_.next_event()) {
    any = true;
    if (std::holds_alternative<smtp::MailFrom>(*event)) statistics.begin(now);
    if (const auto* content = std::get_if<smtp::Content>(&*event))
      statistics.octets += content->slice.size();
    if (std::holds_alternative<smtp::ContentAborted>(*event)) ++statistics.failed;
    if (std::holds_alternative<smtp::ContentEnd>(*event)) {
      ++statistics.messages;
      statistics.end(now);
    }
    if (session_.awaits_answer()) session_.answer(smtp::Decision::accept(), now);
  }
  return any;
}

// Sends what there is to say, then closes when the session is over.
void SinkConnection::go_on() {
  if (stream_.closing() || stream_.sending()) return;
  const Bytes replies = session_.transmit();
  if (!replies.empty()) {
    replies_.assign(text_of(replies));
    session_.transmitted(replies.size());
    stream_.send(bytes_of(replies_));
  }
  if (session_.wants_close() && session_.transmit().empty()) stream_.close(linger_limit);
}

void SinkConnection::receive_ended(int) {
  session_.disconnected();
  take_events();
  stream_.close(linger_limit);
}

void SinkConnection::sent(int error) {
  if (error != 0) return receive_ended(error);
  if (!unread_.empty()) {
    feed_unread();
    if (unread_.empty() && !stream_.closing()) stream_.receive();
  }
  go_on();
}

void SinkConnection::shut_down() {
  session_.shut_down();
  take_events();
  go_on();
}

void SinkConnection::closed() { sink_.connection_over(*this); }

}  // namespace ringpost::load
