// One connection to an LMTP server: see lmtp_connection.h. The dialogue is smtp::ClientSession's;
// here its octets travel, and its events become results.
#include "engine/mta/lmtp_connection.h"

#include <utility>

#include <fmt/format.h>

#include "engine/mta/address_directory.h"
#include "engine/mta/generation.h"
#include "proto/smtp/data_encoder.h"

namespace ringpost::mta {
namespace {

constexpr Duration linger_limit = seconds(2);
// Replies that nothing asked for; a server that goes on beyond this is not speaking LMTP.
constexpr std::size_t unread_octets_max = 65'536;
constexpr std::size_t parts_per_send_max = 512;

struct AwaitedAddresses : AddressQuestion {
  AwaitedAddresses(ring::Core& asker, const LmtpDestination& target)
      : AddressQuestion(&AwaitedAddresses::answered, asker, target.host, target.port) {}
  static void answered(ring::Message& message) {
    static_cast<AwaitedAddresses&>(message).done.set();
  }
  ring::Signal done;
};

std::string enhanced_text(const smtp::ReplyView& reply) {
  const smtp::EnhancedStatus& given = reply.enhanced;
  if (!given.is_present()) return fmt::format("{}.0.0", reply.severity());
  return fmt::format("{}.{}.{}", given.status_class, given.subject, given.detail);
}

observe::AttemptResult result_of(const smtp::ReplyView& reply) {
  if (reply.severity() == 2) return observe::AttemptResult::Delivered;
  return reply.severity() == 5 ? observe::AttemptResult::Failed : observe::AttemptResult::Delayed;
}

smtp::BodyType body_of(store::BodyType body) {
  return body == store::BodyType::SevenBit ? smtp::BodyType::SevenBit
                                           : smtp::BodyType::EightBitMime;
}

}  // namespace

LmtpConnection::LmtpConnection(WorkerParts& parts, const SegmentStore& segments,
                               ReadBuffers& buffers, LmtpConnectionOwner& owner,
                               const std::string& destination, const LmtpTimes& times)
    : parts_(parts),
      segments_(segments),
      buffers_(buffers),
      owner_(owner),
      destination_(destination),
      times_(times) {
  settings_.name = parts.generation->config.server_name;
  settings_.lmtp = true;
  settings_.timeouts = times.dialogue;
}

ring::Task<void> LmtpConnection::run(LmtpDestination target) {
  const std::string failure = co_await connect(target);
  if (failure.empty()) {
    session_.emplace(settings_, parts_.core.now());
    stream_->receive();
    co_await converse();
    if (!refusal_.empty()) owner_.not_connected(*this, refusal_);
    if (!batch_.empty()) owner_.give_back(std::exchange(batch_, {}));
    co_await close();
  } else {
    owner_.not_connected(*this, failure);
  }
  owner_.gone(*this);
}

// Empty when the connection stands, otherwise what was wrong with the last address.
ring::Task<std::string> LmtpConnection::connect(const LmtpDestination& target) {
  if (target.socket) {
    const int error = co_await connect_to(*target.socket);
    co_return error == 0 ? std::string() : to_text(Fault{"connect", error, destination_});
  }
  AwaitedAddresses question(parts_.core, target);
  parts_.hosts.ask(question);
  co_await question.done;
  std::string failure = question.error;
  for (const net::Address& address : question.addresses) {
    if (stopping_) co_return std::string("the daemon is stopping");
    const int error = co_await connect_to(address);
    if (error == 0) co_return std::string();
    failure = to_text(Fault{"connect", error, address.to_text()});
  }
  co_return failure;
}

ring::Task<int> LmtpConnection::connect_to(const net::Address& address) {
  stream_.emplace(parts_.core, *parts_.buffers, static_cast<net::StreamOwner&>(*this));
  stream_->connect(address, times_.connect);
  co_return co_await connected();
}

ring::Task<int> LmtpConnection::connect_to(const net::SocketPath& path) {
  stream_.emplace(parts_.core, *parts_.buffers, static_cast<net::StreamOwner&>(*this));
  stream_->connect(path, times_.connect);
  co_return co_await connected();
}

// The stream sets the limit itself.
ring::Task<int> LmtpConnection::connected() {
  error_ = 0;
  stream_over_ = false;
  while (!open_ && !stream_over_) co_await wait(never);
  co_return error_;
}

// Until the session has ended and everything is told.
ring::Task<void> LmtpConnection::converse() {
  while (true) {
    const bool moved = feed();
    if (content_wanted_) {
      co_await send_content();
      continue;
    }
    const bool sent_any = co_await flush();
    if (moved || sent_any) continue;
    if (session_->ended()) co_return;
    if (is_broken()) {
      session_->disconnected();
    } else if (given_) {
      begin();
    } else if (idle_) {
      co_await wait_idle();
    } else {
      co_await wait(session_->deadline());
      session_->expire(parts_.core.now());
    }
  }
}

// Lets the session read what has come and takes its events; true when anything moved.
bool LmtpConnection::feed() {
  bool any = false;
  while (true) {
    bool moved = false;
    while (const auto event = session_->next_event()) {
      moved = true;
      if (std::holds_alternative<smtp::ContentWanted>(*event)) {
        content_wanted_ = true;
        return true;
      }
      if (const auto* ready = std::get_if<smtp::Ready>(&*event)) take(*ready);
      if (const auto* outcome = std::get_if<smtp::RecipientDone>(&*event)) take(*outcome);
      if (const auto* done = std::get_if<smtp::MessageDone>(&*event)) take(*done);
      if (const auto* ended = std::get_if<smtp::Ended>(&*event)) take(*ended);
    }
    const std::size_t taken = session_->receive(bytes_of(unread_), parts_.core.now());
    unread_.erase(0, taken);
    if (taken == 0 && !moved) return any;
    any = true;
  }
}

void LmtpConnection::take(const smtp::Ready&) {
  idle_ = true;
  owner_.idle(*this);
}

void LmtpConnection::give(LmtpBatch batch) {
  CHECK(idle_ && batch_.empty() && !batch.empty());
  idle_ = false;
  given_ = true;
  batch_ = std::move(batch);
  wake();
}

void LmtpConnection::begin() {
  given_ = false;
  const DeliveryOrder& order = batch_.front()->order;
  smtp::OutgoingMessage message;
  message.sender = order.reverse_path;
  message.body = body_of(order.body);
  message.envelope_id = order.envelope_id;
  message.ret = static_cast<smtp::ReturnContent>(order.dsn_return);
  for (const store::Extent& extent : order.extents) message.octets += extent.length;
  recipients_.clear();
  bool non_ascii = smtp::has_non_ascii({order.reverse_path, {}});
  for (const LmtpAttempt* attempt : batch_) {
    const store::Recipient& recipient = attempt->order.recipient;
    recipients_.push_back({.path = attempt->path,
                           .notify = {recipient.notify_flags},
                           .original_recipient = recipient.original});
    non_ascii = non_ascii || smtp::has_non_ascii({attempt->path, {}});
  }
  message.recipients = recipients_;
  // The mailbox is this server's business: a header in UTF-8 alone need not be asked about.
  message.smtputf8 = non_ascii;
  heard_ = false;
  ++messages_;
  session_->begin(message, parts_.core.now());
}

void LmtpConnection::take(const smtp::RecipientDone& outcome) {
  DeliveryResult& result = batch_[outcome.recipient]->order.result;
  if (spool_fault_) {
    result = {observe::AttemptResult::Delayed, "4.3.0", to_text(*spool_fault_)};
    if (spool_fault_->code == EBADMSG) result.damage = spool_fault_;
    return;
  }
  result.result = result_of(outcome.reply);
  result.status = enhanced_text(outcome.reply);
  std::string text(outcome.reply.text);
  std::ranges::replace(text, '\n', ' ');
  result.detail =
      outcome.local ? fmt::format("{}: {}{}", destination_, text,
                                  outcome.uncertain ? "; the message may have been delivered" : "")
                    : fmt::format("{}: {} {}", destination_, outcome.reply.code, text);
  if (outcome.local) return;
  result.server = destination_;
  result.reply = fmt::format("{} {}", outcome.reply.code, outcome.reply.text);
}

void LmtpConnection::take(const smtp::MessageDone&) {
  LmtpBatch batch = std::exchange(batch_, {});
  const bool unseen = session_->ended() && !heard_ && messages_ > 1 && !batch.front()->repeated;
  if (unseen) {
    owner_.give_back(std::move(batch));
    return;
  }
  for (LmtpAttempt* attempt : batch) attempt->done.set();
}

void LmtpConnection::take(const smtp::Ended& ended) {
  idle_ = false;
  if (messages_ > 0 || ended.reason == smtp::EndReason::Quit) return;
  std::string text(ended.reply.text);
  std::ranges::replace(text, '\n', ' ');
  refusal_ = fmt::format("{}: {} {}", destination_, ended.reply.code, text);
}

// An idle connection: until it is given something, the server ends it, or its time is over.
ring::Task<void> LmtpConnection::wait_idle() {
  const Instant end = parts_.core.now() + times_.idle;
  while (idle_ && !stopping_ && unread_.empty() && !is_broken() && parts_.core.now() < end)
    co_await wait(end);
  if (!idle_ || !unread_.empty() || is_broken()) co_return;
  idle_ = false;
  session_->quit(parts_.core.now());
}

ring::Task<bool> LmtpConnection::flush() {
  // The session may add to its octets while these are on their way.
  std::string octets(text_of(session_->transmit()));
  if (octets.empty()) co_return false;
  session_->transmitted(octets.size());
  iovec part{octets.data(), octets.size()};
  static_cast<void>(co_await send(std::span(&part, 1)));
  co_return true;
}

// What `parts` name must stay until this has ended. False: the connection is of no more use.
ring::Task<bool> LmtpConnection::send(std::span<iovec> parts) {
  if (stream_over_ || stream_->closing() || error_ != 0) co_return false;
  sending_ = true;
  stream_->send(parts);
  const Instant deadline =
      session_->ended() ? parts_.core.now() + linger_limit : session_->deadline();
  while (sending_ && !stream_over_) {
    co_await wait(deadline);
    if (!sending_ || stream_over_ || parts_.core.now() < deadline) continue;
    session_->expire(parts_.core.now());
    stream_->abort();
  }
  co_return !sending_ && !stream_over_ && error_ == 0;
}

ring::Task<void> LmtpConnection::send_content() {
  content_wanted_ = false;
  const auto failure = co_await send_pieces();
  if (!failure) {
    session_->content_sent(parts_.core.now());
    co_return;
  }
  // Half a message must not be taken for a whole one: the connection ends without the final dot.
  if (failure->code != 0) spool_fault_ = failure;
  feed();  // the server may have said why it wants no more
  session_->disconnected();
  if (!stream_over_) stream_->abort();
}

// A fault of the spool, or one without a code: the connection is lost.
ring::Task<std::optional<Fault>> LmtpConnection::send_pieces() {
  const auto buffer = buffers_.borrow();
  if (!buffer) co_return buffer.error();
  ContentReader content(parts_.core.ring(), segments_, buffer->room(),
                        batch_.front()->order.extents);
  smtp::DataEncoder encoder;
  std::vector<Bytes> pieces;
  while (true) {
    const auto piece = co_await content.next();
    if (!piece) co_return piece.error();
    const bool at_end = piece->empty();
    pieces.clear();
    at_end ? encoder.finish(pieces) : encoder.encode(*piece, pieces);
    // The commands that led here go first, if they are not all gone.
    static_cast<void>(co_await flush());
    if (!co_await send_all(pieces)) co_return Fault{"send", 0, destination_};
    if (at_end) co_return std::nullopt;
  }
}

ring::Task<bool> LmtpConnection::send_all(const std::vector<Bytes>& pieces) {
  std::vector<iovec> parts;
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    parts.push_back({const_cast<std::byte*>(pieces[i].data()), pieces[i].size()});
    if (parts.size() < parts_per_send_max && i + 1 < pieces.size()) continue;
    if (!co_await send(parts)) co_return false;
    session_->content_progressed(parts_.core.now());
    parts.clear();
  }
  co_return true;
}

ring::Task<void> LmtpConnection::close() {
  if (!stream_over_ && !stream_->closing()) stream_->close(linger_limit);
  while (!stream_over_) co_await wait(never);  // the stream ends by itself
}

// Until something happens or `deadline`.
ring::Task<void> LmtpConnection::wait(Instant deadline) {
  if (std::exchange(news_, false)) co_return;
  ring::Signal signal;
  waiting_ = &signal;
  if (deadline != never) parts_.core.timers().arm(timer_, deadline);
  co_await signal;
  parts_.core.timers().disarm(timer_);
}

void LmtpConnection::wake() {
  if (waiting_ == nullptr) {
    news_ = true;
    return;
  }
  std::exchange(waiting_, nullptr)->set();
}

void LmtpConnection::stop() {
  stopping_ = true;
  if (stream_ && !open_ && !stream_over_) stream_->abort();
  wake();
}

void LmtpConnection::abort() {
  stopping_ = true;
  if (session_) session_->disconnected();
  if (stream_ && !stream_over_) stream_->abort();
  wake();
}

void LmtpConnection::opened(const std::optional<net::Address>&) {
  open_ = true;
  wake();
}

void LmtpConnection::connect_failed(int error) {
  error_ = error;
  stream_over_ = true;
  wake();
}

void LmtpConnection::received(memory::Buffer buffer) {
  heard_ = true;
  unread_ += text_of(buffer.octets());
  if (unread_.size() > unread_octets_max) stream_->abort();
  wake();
}

void LmtpConnection::receive_ended(int error) {
  peer_ended_ = true;
  if (error != 0) error_ = error;
  wake();
}

void LmtpConnection::sent(int error) {
  sending_ = false;
  if (error != 0) error_ = error;
  wake();
}

void LmtpConnection::closed() {
  stream_over_ = true;
  sending_ = false;
  wake();
}

}  // namespace ringpost::mta
