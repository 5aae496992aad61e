// One connection of the source; see source_connection.h.
#include "tools/load/source_connection.h"

#include <utility>

#include <fmt/format.h>

#include "proto/base/check.h"
#include "tools/load/source.h"

namespace ringpost::load {
namespace {

constexpr Duration connect_limit = seconds(10);
constexpr Duration linger_limit = seconds(2);
// Replies that nothing asked for; a server that goes on beyond this is not speaking SMTP.
constexpr std::size_t unread_octets_max = 65'536;
constexpr std::size_t plaintext_octets = 16'384;  // of one record

iovec part_of(std::string& text) { return {text.data(), text.size()}; }

}  // namespace

SourceConnection::SourceConnection(Source& source, std::uint32_t slot) : source_(source) {
  id_ = {.run = source.run(), .slot = slot, .sequence = 0};
}

void SourceConnection::open() {
  CHECK(!stream_);
  messages_sent_ = 0;
  content_wanted_ = content_in_flight_ = false;
  unread_.clear();
  stream_.emplace(source_.core(), source_.buffers(), static_cast<net::StreamOwner&>(*this));
  stream_->connect(source_.options().target, connect_limit);
}

void SourceConnection::opened(const std::optional<net::Address>&) {
  const bool implicit = source_.options().encryption == Encryption::Implicit;
  session_.emplace(source_.settings(), source_.core().now(), implicit);
  source_.connected();
  stream_->receive();
  if (implicit) begin_tls();
  watch_deadline();
}

void SourceConnection::connect_failed(int error) {
  stream_.reset();
  source_.connection_over(*this, to_text(Fault{"connect", error}));
}

void SourceConnection::received(memory::Buffer buffer) {
  if (!session_ || stream_->closing()) return;
  tls_ != nullptr ? decrypt(buffer.octets()) : take_octets(buffer.octets());
  if (unread_.size() > unread_octets_max) lose();
  flush();
}

void SourceConnection::take_octets(Bytes octets) {
  const bool was_plain = tls_ == nullptr;
  if (unread_.empty()) {
    feed(octets);
  } else {
    unread_ += text_of(octets);
    feed_unread();
  }
  // RFC 3207 6: what came behind the reply to STARTTLS is nothing that its server said.
  if (was_plain && tls_ != nullptr && !unread_.empty()) lose();
}

void SourceConnection::begin_tls() {
  tls_ = std::make_unique<Secured>(source_.encryption(), source_.aim(id_.slot));
  flush();
}

void SourceConnection::decrypt(Bytes octets) {
  std::array<std::byte, plaintext_octets> room;
  while (session_ && !stream_->closing()) {
    const tls::Channel::Progress progress = tls_->channel.receive(octets, room);
    octets = octets.subspan(progress.consumed);
    if (!tls_->stands && !tls_stands()) return;
    if (progress.produced > 0) take_octets(Bytes(room).first(progress.produced));
    if (progress.none()) return;
  }
}

// False while the handshake goes on, and when it has failed.
bool SourceConnection::tls_stands() {
  using enum tls::Channel::State;
  const tls::Channel::State state = tls_->channel.state();
  if (state == Failed) {
    source_.handshake_failed(fmt::format("TLS: {}", tls_->channel.problem()));
    flush();
    lose();
    stream_->close(linger_limit);
  }
  if (state != Open && state != PeerEnded) return false;
  tls_->stands = true;
  source_.handshake_over(tls_->channel.facts().resumed);
  if (source_.options().encryption == Encryption::StartTls) {
    session_->encrypted(source_.core().now());
    take_events();
  }
  return true;
}

void SourceConnection::encrypt(std::span<const iovec> parts) {
  for (const iovec& part : parts)
    tls_->channel.send({static_cast<const std::byte*>(part.iov_base), part.iov_len});
}

// Gives the session what it takes and keeps the rest.
void SourceConnection::feed(Bytes octets) {
  while (!octets.empty()) {
    const std::size_t taken = session_->receive(octets, source_.core().now());
    octets = octets.subspan(taken);
    const bool moved = take_events();
    if (taken == 0 && !moved) break;
  }
  unread_ += text_of(octets);
}

void SourceConnection::feed_unread() {
  const std::string octets = std::exchange(unread_, {});
  feed(bytes_of(octets));
}

bool SourceConnection::take_events() {
  bool any = false;
  while (const auto event = session_->next_event()) {
    any = true;
    std::visit([this](const auto& news) { take(news); }, *event);
  }
  return any;
}

void SourceConnection::take(const smtp::HandshakeWanted&) { begin_tls(); }

void SourceConnection::take(const smtp::Ready&) { source_.ready(*this); }

void SourceConnection::send_message(const Content& content, std::uint64_t number, Instant due) {
  ++messages_sent_;
  due_ = due;
  content_ = &content;
  recipient_path_ = numbered_recipient(source_.options().recipient, number);
  recipient_ = {.path = recipient_path_};
  ++id_.sequence;
  session_->begin({.sender = source_.options().sender,
                   .recipients = {&recipient_, 1},
                   .octets = content.octets()},
                  source_.core().now());
  watch_deadline();
  flush();
}

void SourceConnection::take(const smtp::ContentWanted& wanted) {
  content_wanted_ = true;
  content_chunked_ = wanted.chunked;
  id_fields_.clear();
  if (content_->has_id()) append_id_fields(id_fields_, id_, source_.core().now());
}

void SourceConnection::take(const smtp::RecipientDone& outcome) {
  source_.message_over(id_, *content_, due_, outcome);
}

void SourceConnection::take(const smtp::Ended& ended) {
  if (ended.reason != smtp::EndReason::Quit)
    source_.session_lost(*this, fmt::format("session: {} {}", ended.reply.code, ended.reply.text));
  if (ended.reason == smtp::EndReason::Refused) flush();
  if (tls_ != nullptr) {
    tls_->channel.finish();
    flush();
  }
  stream_->close(linger_limit);
}

void SourceConnection::quit() {
  session_->quit(source_.core().now());
  watch_deadline();
  flush();
}

void SourceConnection::go_on() {
  take_events();
  flush();
}

void SourceConnection::receive_ended(int) { lose(); }

// The connection is of no more use: whatever was under way has failed.
void SourceConnection::lose() {
  if (!session_) return;
  session_->disconnected();
  take_events();
}

void SourceConnection::sent(int error) {
  if (error != 0) return lose();
  if (std::exchange(content_in_flight_, false)) {
    session_->content_sent(source_.core().now());
    take_events();
    feed_unread();
  }
  flush();
}

// Sends what is ready, commands and content together, when nothing is being sent.
void SourceConnection::flush() {
  if (stream_->closing() || stream_->sending()) return;
  const bool sendable = tls_ == nullptr || (tls_->stands && tls_->channel.may_send());
  const Bytes commands = sendable ? session_->transmit() : Bytes{};
  const bool nothing = commands.empty() && !content_wanted_;
  if (nothing && (tls_ == nullptr || !tls_->channel.has_output())) return;
  commands_.assign(text_of(commands));
  session_->transmitted(commands.size());
  std::size_t count = 0;
  if (!commands_.empty()) parts_[count++] = part_of(commands_);
  if (std::exchange(content_wanted_, false)) {
    if (!id_fields_.empty()) parts_[count++] = part_of(id_fields_);
    parts_[count++] = content_chunked_ ? content_->raw() : content_->encoded();
    content_in_flight_ = true;
  }
  if (tls_ != nullptr) {
    encrypt(std::span(parts_.data(), count));
    commands_.clear();
    tls_->channel.take_output(commands_);
    parts_[0] = part_of(commands_);
    count = 1;
  }
  stream_->send(std::span(parts_.data(), count));
}

void SourceConnection::watch_deadline() {
  const Instant deadline = session_->deadline();
  if (deadline != never && !deadline_.armed()) source_.core().timers().arm(deadline_, deadline);
}

// The timer runs behind the session, which moves its deadline with every reply.
void SourceConnection::time_is_up() {
  if (!session_ || stream_->closing()) return;
  session_->expire(source_.core().now());
  take_events();
  if (!stream_->closing()) watch_deadline();
}

void SourceConnection::abort() {
  if (!stream_) return;
  lose();
  stream_->abort();
}

void SourceConnection::closed() {
  source_.core().timers().disarm(deadline_);
  tls_.reset();
  session_.reset();
  stream_.reset();
  source_.connection_over(*this, {});
}

void SourceConnection::open_after(Duration pause) {
  source_.core().timers().arm(retry_, source_.core().now() + pause);
}

bool SourceConnection::forget_reopening() {
  const bool paused = retry_.armed();
  source_.core().timers().disarm(retry_);
  return paused;
}

void SourceConnection::retry() { source_.pause_over(*this); }

}  // namespace ringpost::load
