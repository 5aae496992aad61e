// Inbound: the connection's side: octets in, replies out, time and end. What the dialogue asks is
// answered in inbound_events.cpp.
#include "engine/mta/inbound.h"

#include <algorithm>

#include <fmt/format.h>
#include <unistd.h>

#include "engine/mta/spooler.h"

namespace ringpost::mta {
namespace {

constexpr Duration linger_max = seconds(2);
// A client that has read our last words ends by itself. Then we need no shutdown, which costs a
// thread of the kernel and two wake-ups (engine/net/README.md).
constexpr Duration parting_patience = milliseconds(20);
// Received buffers that may wait for one connection; beyond that its peer has to wait (TCP is the
// back-pressure).
constexpr std::size_t waiting_buffers_max = 4;
// A peer further away than this is none.
constexpr Duration reading_max = seconds(2);

std::optional<conf::NetAddress> net_address_of(const std::string& host) {
  const auto address = conf::parse_net_address(host);
  if (!address) return std::nullopt;
  return conf::unmapped(*address);
}

std::string_view word_of(ClientName::Confirmed confirmed) {
  switch (confirmed) {
    case ClientName::Confirmed::Yes:
      return "yes";
    case ClientName::Confirmed::No:
      return "no";
    case ClientName::Confirmed::Unknown:
      break;
  }
  return "error";
}

}  // namespace

Inbound::Inbound(WorkerParts& parts, InboundOwner& owner,
                 std::shared_ptr<const Generation> generation, const ListenAddress& listener,
                 observe::SessionId id)
    : parts_(parts),
      owner_(owner),
      generation_(std::move(generation)),
      listener_(listener),
      id_(id),
      stream_(parts.core, *parts.buffers, *this),
      session_(generation_->session_limits, listener.server_name, parts.core.now()),
      began_(parts.core.now()) {
  if (listener_.withholds_dsn) session_.withhold_dsn();
  if (submits()) session_.complete_addresses();
  if (listener_.tls_mode == conf::TlsMode::Offered) session_.offer_tls(smtp::TlsOffer::Offered);
  if (listener_.tls_mode == conf::TlsMode::Required) session_.offer_tls(smtp::TlsOffer::Required);
  offer_auth();
  if (const conf::Filter* const root = listener_.filter())
    filters_ = std::make_unique<Filters>(parts_, generation_, *root, id_, client_,
                                         static_cast<FilterRunOwner&>(*this));
  session_.watch_commands([this](std::string_view line) { command_read(line); });
}

Inbound::~Inbound() {
  parts_.core.timers().disarm(timer_);
  parts_.spooler->forget(room_);
  parts_.enquiries->forget(asker_);
  sender_check_.reset();
  parts_.resolver->forget(name_asker_);
  clear_set_aside();
  if (committing_ != nullptr) committing_->forget_inbound();
}

void Inbound::opened(const std::optional<net::Address>& peer) {
  if (!know_client(peer)) {
    stream_.abort();
    return;
  }
  if (listener_.behind_proxy && !await_proxy()) return;
  stream_.receive();
  pump();
}

bool Inbound::know_client(const std::optional<net::Address>& peer) {
  if (listener_.is_socket) {
    const auto& credentials = stream_.credentials();
    if (!credentials) return false;
    // What this process hands in itself, it hands in for somebody.
    local_user_ = credentials->pid == getpid() ? parts_.offline_uid.load() : credentials->uid;
    client_ = fmt::format("local:{}", *local_user_);
    client_name_ = ClientName{.state = ClientName::State::Known, .name = listener_.server_name};
    return true;
  }
  if (!peer) return false;
  client_ = peer->host();
  if (filters_ != nullptr) source_ = peer->to_text();
  client_address_ = net_address_of(client_);
  return true;
}

void Inbound::received(memory::Buffer buffer) {
  octets_ += buffer.octets().size();
  parts_.metrics.session.octets_received.add(buffer.octets().size());
  input_.push_back(std::move(buffer));
  if (input_.size() >= waiting_buffers_max) stream_.hold();
  if (waiting_ == Waiting::Proxy && !read_proxy_header()) return;
  if (waiting_ == Waiting::Filter) filters_->run.client_spoke();
  pump();
}

// What came before the end is still answered: a client may close its side right after its last
// command.
void Inbound::receive_ended(int error) {
  peer_closed_ = true;
  if (waiting_ == Waiting::Proxy) return proxy_gone();
  if (error != 0) {
    close_reason_ = observe::CloseReason::PeerReset;
    session_.disconnected();
  }
  // Nobody is kept waiting who has gone; who has said more waits for its answers.
  const bool has_gone = error != 0 || (unread().empty() && unread_plain().empty());
  if (has_gone && filters_ != nullptr) filters_->run.hurry();
  pump();
}

void Inbound::sent(int error) {
  // A handshake is longer than what follows it: an idle session does not keep its room.
  tls_ == nullptr ? sending_.clear() : std::string().swap(sending_);
  if (error != 0) session_.disconnected();
  pump();
}

void Inbound::pump() {
  if (stream_.closing() || waiting_ == Waiting::Proxy) return;
  if (listener_.tls_mode == conf::TlsMode::Implicit && tls_ == nullptr) begin_tls();
  if (shakes_hands()) shake_hands();
  while (waiting_ == Waiting::Nothing && (take_event() || offer_input())) {
  }
  // Input may be left while replies wait to be sent: it comes first.
  if (peer_closed_ && unread().empty() && unread_plain().empty() && waiting_ == Waiting::Nothing &&
      !session_.wants_close()) {
    session_.disconnected();
    while (take_event()) {
    }
  }
  flush();
  arm_timer();
}

bool Inbound::take_event() {
  auto event = session_.next_event();
  if (!event) return false;
  begin_stage(*event);
  std::visit([this](const auto& what) { on(what); }, *event);
  return true;
}

Bytes Inbound::unread() const {
  if (!set_aside_.empty()) return bytes_of(set_aside_).subspan(consumed_);
  return input_.empty() ? Bytes{} : input_.front().octets().subspan(consumed_);
}

void Inbound::drop_consumed() {
  const bool any = !set_aside_.empty() || !input_.empty();
  if (!any || !unread().empty()) return;
  consumed_ = 0;
  set_aside_.empty() ? input_.pop_front() : clear_set_aside();
  if (input_.size() < waiting_buffers_max) stream_.receive();
}

// The buffer in front is kept until the next offer, because a Content slice lies in it.
bool Inbound::offer_input() {
  if (session_.awaits_answer()) return false;
  if (tls_ != nullptr) {
    if (!decrypt()) return take_event();
    const std::size_t taken = session_.receive(tls_->plain(), parts_.core.now());
    tls_->plain_begin += taken;
    return taken > 0 || take_event();
  }
  drop_consumed();
  if (unread().empty()) return false;
  const std::size_t taken = session_.receive(unread(), parts_.core.now());
  consumed_ += taken;
  return taken > 0 || take_event();
}

void Inbound::drop_input() {
  clear_set_aside();
  input_.clear();
  consumed_ = 0;
  stream_.receive();
}

void Inbound::give_back_buffers() {
  const bool unread_replies =
      stream_.sending() && parts_.core.now() - sending_since_ >= reading_max;
  const bool at_rest =
      waiting_ == Waiting::Answer || waiting_ == Waiting::Name || waiting_ == Waiting::Auth ||
      waiting_ == Waiting::Filter || waiting_ == Waiting::Content || waiting_ == Waiting::Sender ||
      waiting_ == Waiting::Signature || (waiting_ == Waiting::Nothing && unread_replies);
  if (!at_rest || stream_.closing() || input_.empty()) return;
  std::size_t octets = 0;
  for (const memory::Buffer& buffer : input_) octets += buffer.octets().size();
  observe::LimitGauge& limit = parts_.metrics.memory.set_aside_octets;
  if (limit.used.value() + octets <= limit.max.value()) {
    set_input_aside();
  } else if (unread_replies) {
    limit.refused.add();
    close_reason_ = observe::CloseReason::Memory;
    stream_.abort();
  }
}

// Nothing more is received until it has been read.
void Inbound::set_input_aside() {
  std::string rest(text_of(unread()));
  if (set_aside_.empty()) input_.pop_front();
  for (const memory::Buffer& buffer : input_) rest += text_of(buffer.octets());
  input_.clear();
  consumed_ = 0;
  clear_set_aside();
  set_aside_ = std::move(rest);
  parts_.metrics.memory.set_aside_octets.used.add(set_aside_.size());
  if (!set_aside_.empty()) stream_.hold();
}

void Inbound::clear_set_aside() {
  parts_.metrics.memory.set_aside_octets.give_back(set_aside_.size());
  std::string().swap(set_aside_);
}

void Inbound::command_read(std::string_view line) {
  ++commands_;
  parts_.metrics.session.commands.add();
  tell(filter::ReportEvent::ProtocolClient, {line});
  if (parts_.events.wants<observe::LineReceived>())
    parts_.events.emit(parts_.core.wall(), observe::LineReceived{.session = id_, .line = line});
}

// Counts replies by their first digit; the last line of each has a blank behind the code (RFC
// 5321 4.2.1).
void Inbound::note_replies(std::string_view replies) {
  const bool told = parts_.events.wants<observe::ReplySent>();
  const bool reported =
      filters_ != nullptr && filters_->run.wants(filter::ReportEvent::ProtocolServer);
  while (!replies.empty()) {
    const std::size_t end = replies.find("\r\n");
    const std::string_view line = replies.substr(0, end);
    replies.remove_prefix(end == replies.npos ? replies.size() : end + 2);
    const bool last = line.size() < 4 || line[3] == ' ';
    if (last && line.starts_with('5')) parts_.metrics.session.replies_permanent.add();
    if (last && line.starts_with('4')) parts_.metrics.session.replies_temporary.add();
    if (reported) tell(filter::ReportEvent::ProtocolServer, {line});
    if (told)
      parts_.events.emit(parts_.core.wall(), observe::ReplySent{.session = id_, .line = line});
  }
}

// What is to be sent next, into sending_; false: nothing.
bool Inbound::gather_replies() {
  const Bytes replies = session_.transmit();
  // Before the handshake is done nothing of the dialogue is sent; after one that failed, never.
  const bool sendable = tls_ == nullptr ? listener_.tls_mode != conf::TlsMode::Implicit
                                        : tls_->stands && tls_->channel.may_send();
  if (sendable && !replies.empty()) {
    note_replies(text_of(replies));
    tls_ == nullptr ? void(sending_.assign(text_of(replies))) : tls_->channel.send(replies);
    session_.transmitted(replies.size());
  }
  if (tls_ != nullptr) {
    if (sendable && session_.wants_close()) tls_->channel.finish();
    tls_->channel.take_output(sending_);
  }
  return !sending_.empty();
}

void Inbound::flush() {
  if (stream_.sending() || stream_.closing()) return;
  if (gather_replies()) {
    sending_since_ = parts_.core.now();
    stream_.send(bytes_of(sending_));
    if (tls_ == nullptr && session_.awaits_tls()) {
      // What came in the clear behind STARTTLS is nobody's: RFC 3207 4.2, CVE-2011-0411.
      drop_input();
      begin_tls();
    }
    return;
  }
  if (session_.wants_close()) stream_.close(linger_max, parting_patience);
}

void Inbound::arm_timer() {
  const Instant deadline = std::min(session_.deadline(), handshake_deadline());
  if (deadline != never) {
    parts_.core.timers().arm(timer_, deadline);
  } else if (session_.wants_close() && stream_.sending()) {
    // Its last words wait behind replies that the peer may never read.
    if (!timer_.armed())
      parts_.core.timers().arm(timer_, parts_.core.now() + generation_->session_limits.idle);
  } else {
    parts_.core.timers().disarm(timer_);
  }
}

void Inbound::time_is_up() {
  if (waiting_ == Waiting::Proxy) return refuse_proxy("no PROXY header in time");
  if (parts_.core.now() >= handshake_deadline()) tls_failed("timeout");
  if (parts_.core.now() >= session_.deadline()) tell(filter::ReportEvent::Timeout);
  session_.expire(parts_.core.now());
  pump();
  // A peer that does not read its replies: it gets no more than the linger time.
  if (session_.wants_close() && stream_.sending()) stream_.close(linger_max);
}

void Inbound::shut_down() {
  if (waiting_ == Waiting::Proxy) return stream_.abort();
  session_.shut_down();
  if (filters_ != nullptr) filters_->run.hurry();
  if (transaction_ != nullptr && transaction_->signer != nullptr) transaction_->signer->hurry();
  // Whoever waits to be greeted waits no longer.
  if (waiting_ == Waiting::Name) {
    parts_.resolver->forget(name_asker_);
    return named({.state = ClientName::State::Failed});
  }
  if (waiting_ == Waiting::Auth) return auth_->hurry();
  if (waiting_ == Waiting::Sender) return sender_check_->hurry();
  if (sender_check_ != nullptr) sender_check_->hurry();
  // Not before opened(): who the client is decides which count it enters.
  if (!client_.empty()) pump();
}

void Inbound::abort() {
  close_reason_ = observe::CloseReason::Draining;
  stream_.abort();
}

void Inbound::closed() {
  if (waiting_ == Waiting::Proxy) parts_.metrics.session.connections.give_back();
  if (counted_) {
    parts_.connection_counts.leave(client_);
    if (committing_ != nullptr) leave_record();
    if (transaction_ != nullptr) drop_transaction();
    tell(filter::ReportEvent::LinkDisconnect);
    report_closed();
  }
  owner_.inbound_ended(*this);
}

void Inbound::report_closed() {
  const bool has_name = client_address_ && client_name_ && !client_name_->name.empty();
  const bool is_secure = tls_ != nullptr && tls_->stands;
  const bool has_failed = client_name_ && client_name_->state == ClientName::State::Failed;
  parts_.metrics.session.closed[close_reason_].add();
  parts_.metrics.session.connections.give_back();
  parts_.events.emit(parts_.core.wall(),
                     observe::SessionClosed{.session = id_,
                                            .client = client_,
                                            .proxy = proxy_,
                                            .rdns = has_name ? client_name_->name : "",
                                            .fcrdns = has_name ? word_of(client_name_->confirmed)
                                                      : has_failed ? "error"
                                                                   : "",
                                            .helo = hello_,
                                            .tls = is_secure ? tls_->facts.version : "",
                                            .cipher = is_secure ? tls_->facts.cipher : "",
                                            .resumed = is_secure && tls_->facts.resumed,
                                            .user = user_,
                                            .reason = close_reason_,
                                            .messages = messages_,
                                            .octets = octets_,
                                            .commands = commands_,
                                            .errors = errors_,
                                            .elapsed = parts_.core.now() - began_});
}

}  // namespace ringpost::mta
