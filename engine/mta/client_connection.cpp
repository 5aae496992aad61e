// One connection to a server: see client_connection.h. The dialogue is smtp::ClientSession's;
// here its octets travel, and its events become results.
#include "engine/mta/client_connection.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include <fmt/format.h>

#include "engine/mta/generation.h"
#include "proto/smtp/data_encoder.h"

namespace ringpost::mta {
namespace {

constexpr Duration linger_limit = seconds(2);
constexpr std::size_t parts_per_send_max = 512;

std::string enhanced_text(const smtp::ReplyView& reply) {
  const smtp::EnhancedStatus& given = reply.enhanced;
  if (!given.is_present()) return fmt::format("{}.0.0", reply.severity());
  return to_text(given);
}

// RFC 3464 2.3.3: what a server took by SMTP is on its way; LMTP is final delivery.
observe::AttemptResult result_of(const smtp::ReplyView& reply, bool lmtp) {
  if (reply.severity() == 2)
    return lmtp ? observe::AttemptResult::Delivered : observe::AttemptResult::Relayed;
  return reply.severity() == 5 ? observe::AttemptResult::Failed : observe::AttemptResult::Delayed;
}

const std::string& sender_of(const DeliveryOrder& order) {
  return order.relayed_sender ? *order.relayed_sender : order.reverse_path;
}

smtp::BodyType body_of(store::BodyType body) {
  return body == store::BodyType::SevenBit ? smtp::BodyType::SevenBit
                                           : smtp::BodyType::EightBitMime;
}

}  // namespace

ClientConnection::ClientConnection(WorkerParts& parts, const SegmentStore& segments,
                                   ReadBuffers& buffers, ClientConnectionOwner& owner,
                                   const NextHop& next, const ClientTimes& times)
    : parts_(parts),
      segments_(segments),
      buffers_(buffers),
      owner_(owner),
      next_(next),
      times_(times) {
  settings_.name = next.hello.empty() ? parts.generation->config.server_name : next.hello;
  settings_.lmtp = next.lmtp;
  settings_.chunking = true;
  settings_.timeouts = times.dialogue;
}

// RFC 5321 5.1: a server that cannot be reached or does not want to talk is no reason not to try
// the next one.
ring::Task<void> ClientConnection::run() {
  const Way way = co_await find_way(parts_, next_);
  NoWay failure = way.failure;
  bool served = false;
  std::deque<Trial> trials = trials_of(way);
  while (!trials.empty() && !served) {
    if (stopping_) {
      failure = {.text = "the daemon is stopping"};
      break;
    }
    const Trial trial = trials.front();
    trials.pop_front();
    if (auto refusal = co_await prepare(trial)) {
      failure = std::move(*refusal);
      break;
    }
    if (auto refusal = co_await connect_to(trial)) {
      failure = std::move(*refusal);
      const bool timed_out = link_ && link_->error() == ETIMEDOUT;
      if (timed_out && trial.limit < times_.connect)
        trials.push_back({trial.hop, times_.connect, trial.in_clear});
      continue;
    }
    co_await serve();
    served = refusal_.empty();
    if (!served) failure = {.text = std::exchange(refusal_, {})};
    if (std::exchange(encryption_failed_, false) && may_go_in_clear(trial))
      trials.push_front({trial.hop, trial.limit, true});
  }
  if (!served) owner_.not_connected(*this, failure);
  owner_.gone(*this);
}

// An address that swallows packets, perhaps those of a whole family, costs little time as long as
// there are others; if none of them serves it has all the time that it needs.
std::deque<ClientConnection::Trial> ClientConnection::trials_of(const Way& way) const {
  std::deque<Trial> trials;
  for (const Hop& hop : way.hops)
    trials.push_back({&hop, way.hops.size() > 1 ? times_.connect_first : times_.connect});
  return trials;
}

ring::Task<void> ClientConnection::serve() {
  encryption_.clear();
  handshake_wanted_ = false;
  const bool implicit = next_.tls == OutgoingTls::Implicit;
  if (!implicit || co_await encrypt(parts_.core.now() + times_.dialogue.command)) {
    session_.emplace(settings_, parts_.core.now(), implicit);
    if (reports_ != nullptr && settings_.login) reports_->watch.log_in_as(settings_.login->user);
    co_await converse();
  }
  given_ = false;  // the next hop has to be ready first
  if (batch_ != nullptr) owner_.give_back(*std::exchange(batch_, nullptr));
  co_await link_->close(linger_limit);
  reports_.reset();
}

// An address of ours that is not there now (the interface is down) gives way to the next one.
ring::Task<std::optional<NoWay>> ClientConnection::connect_to(const Trial& trial) {
  const Hop& hop = *trial.hop;
  link_.reset();
  const Departures departures = co_await departures_for(parts_, next_, hop);
  NoWay failure = departures.failure;
  for (const Departure& departure : departures.ways) {
    if (stopping_) break;
    const int error = co_await connect_by(trial, departure);
    if (error == 0) co_return std::nullopt;
    const std::string source = departure.source ? " from " + departure.source->host() : "";
    failure = {.text = to_text(Fault{"connect", error, hop.name + source})};
    if (error != EADDRNOTAVAIL) break;
  }
  co_return failure;
}

ring::Task<int> ClientConnection::connect_by(const Trial& trial, const Departure& departure) {
  const Hop& hop = *trial.hop;
  if (!departure.hello.empty()) settings_.name = departure.hello;
  server_ = hop.name;
  host_ = hop.host;
  link_.emplace(parts_);
  const int error = co_await link_->connect(hop.where, departure.source, trial.limit);
  if (error == 0) reports_ = OutgoingReports::of(parts_, next_, hop, departure.source);
  co_return error;
}

// Until the session has ended and everything is told.
ring::Task<void> ClientConnection::converse() {
  while (true) {
    const bool moved = feed();
    if (content_wanted_) {
      co_await send_content();
      continue;
    }
    if (handshake_wanted_) {
      if (!co_await encrypt(session_->deadline())) co_return;
      session_->encrypted(parts_.core.now());
      continue;
    }
    const bool sent_any = co_await flush();
    if (moved || sent_any) continue;
    if (session_->ended()) co_return;
    if (link_->is_broken()) {
      session_->disconnected();
    } else if (given_ && !looked_at_) {
      co_await look_at_content();
    } else if (given_) {
      begin();
    } else if (idle_) {
      co_await wait_idle();
    } else {
      co_await link_->wait(session_->deadline());
      session_->expire(parts_.core.now());
    }
  }
}

// Lets the session read what has come and takes its events; true when anything moved.
bool ClientConnection::feed() {
  bool any = false;
  while (true) {
    bool moved = false;
    while (const auto event = session_->next_event()) {
      moved = true;
      if (const auto* wanted = std::get_if<smtp::ContentWanted>(&*event)) {
        content_wanted_ = true;
        chunked_ = wanted->chunked;
        return true;
      }
      if (std::holds_alternative<smtp::HandshakeWanted>(*event)) {
        handshake_wanted_ = true;
        return true;
      }
      if (const auto* ready = std::get_if<smtp::Ready>(&*event)) take(*ready);
      if (const auto* outcome = std::get_if<smtp::RecipientDone>(&*event)) take(*outcome);
      if (const auto* done = std::get_if<smtp::MessageDone>(&*event)) take(*done);
      if (const auto* ended = std::get_if<smtp::Ended>(&*event)) take(*ended);
    }
    const std::size_t taken = session_->receive(bytes_of(link_->unread), parts_.core.now());
    if (reports_ != nullptr)
      reports_->watch.received(std::string_view(link_->unread).substr(0, taken));
    link_->unread.erase(0, taken);
    if (taken == 0 && !moved) return any;
    any = true;
  }
}

void ClientConnection::take(const smtp::Ready&) {
  idle_ = true;
  owner_.idle(*this);
}

void ClientConnection::give(OutgoingBatch& batch) {
  CHECK(idle_ && batch_ == nullptr);
  idle_ = false;
  given_ = true;
  looked_at_ = false;
  batch_ = &batch;
  link_->wake();
}

// RFC 6152 3: for a server that takes no 8-bit content it is converted, where it can be. Behind
// LMTP lies a mailbox, which has no lines to send it over.
ring::Task<void> ClientConnection::look_at_content() {
  looked_at_ = true;
  seven_bit_.reset();
  spool_fault_.reset();
  attempts_.clear();
  for (OutgoingAttempt& attempt : batch_->attempts)
    if (!attempt.is_settled) attempts_.push_back(&attempt);
  const DeliveryOrder& order = *attempts_.front();
  const bool must_change = body_of(order.body) == smtp::BodyType::EightBitMime && !next_.lmtp &&
                           !session_->announced().eight_bit_mime;
  if (!must_change) co_return;
  auto looked =
      co_await mta::look_at_content(parts_.core.ring(), segments_, buffers_, order.extents);
  if (looked) {
    seven_bit_ = std::move(*looked);
  } else {
    spool_fault_ = looked.error();
  }
}

void ClientConnection::begin() {
  given_ = false;
  const DeliveryOrder& order = *attempts_.front();
  smtp::OutgoingMessage message;
  const std::string& sender = sender_of(order);
  message.sender = sender;
  message.body = body_of(order.body);
  message.envelope_id = order.envelope_id;
  message.ret = static_cast<smtp::ReturnContent>(order.dsn_return);
  for (const store::Extent& extent : order.extents) message.octets += extent.length;
  if (is_converted()) {
    message.body = smtp::BodyType::SevenBit;
    message.octets = seven_bit_->octets;
  }
  recipients_.clear();
  bool non_ascii = smtp::has_non_ascii({sender, {}});
  for (const OutgoingAttempt* attempt : attempts_) {
    const store::Recipient& recipient = attempt->recipient;
    recipients_.push_back({.path = attempt->path,
                           .notify = {recipient.notify_flags},
                           .original_recipient = recipient.original});
    non_ascii = non_ascii || smtp::has_non_ascii({attempt->path, {}});
  }
  message.recipients = recipients_;
  // By LMTP the mailbox is the server's business: a header in UTF-8 alone need not be asked about.
  message.smtputf8 = non_ascii || (order.smtputf8 && !next_.lmtp);
  heard_before_ = link_->octets_received();
  delivered_unsaid_ = false;
  ++messages_;
  if (reports_ != nullptr) reports_->watch.begin(to_text(order.id));
  session_->begin(message, parts_.core.now());
}

void ClientConnection::take(const smtp::RecipientDone& outcome) {
  DeliveryResult& result = attempts_[outcome.recipient]->result;
  if (spool_fault_) {
    result = {observe::AttemptResult::Delayed, "4.3.0", to_text(*spool_fault_)};
    if (spool_fault_->code == EBADMSG) result.damage = spool_fault_;
    return;
  }
  result.result = result_of(outcome.reply, next_.lmtp);
  result.status = enhanced_text(outcome.reply);
  std::string text(outcome.reply.text);
  std::ranges::replace(text, '\n', ' ');
  result.detail =
      outcome.local ? fmt::format("{}: {}{}", server_, text,
                                  outcome.uncertain ? "; the message may have been delivered" : "")
                    : fmt::format("{}: {} {}", server_, outcome.reply.code, text);
  if (outcome.local && seven_bit_ != nullptr && !is_converted())
    result.detail += fmt::format(", and it cannot be converted: {}", seven_bit_->plan.obstacle());
  if (outcome.local) return;
  result.server = host_;
  result.encryption = encryption_;
  result.dsn_passed = session_->announced().dsn;
  const bool has_status = outcome.reply.enhanced.is_present();
  result.reply = fmt::format("{} {}{}{}", outcome.reply.code, has_status ? result.status : "",
                             has_status ? " " : "", outcome.reply.text);
}

void ClientConnection::take(const smtp::MessageDone&) {
  OutgoingBatch& batch = *std::exchange(batch_, nullptr);
  const bool heard = has_heard() || delivered_unsaid_;
  const bool unseen = session_->ended() && !heard && messages_ > 1 && !batch.repeated;
  if (unseen) {
    owner_.give_back(batch);
  } else {
    owner_.tried(*this, batch, session_->ended() && !spool_fault_);
  }
}

void ClientConnection::take(const smtp::Ended& ended) {
  idle_ = false;
  if (messages_ > 0 || ended.reason == smtp::EndReason::Quit) return;
  std::string text(ended.reply.text);
  std::ranges::replace(text, '\n', ' ');
  refusal_ = fmt::format("{}: {} {}", server_, ended.reply.code, text);
}

// An idle connection: until it is given something, the server ends it, or its time is over.
ring::Task<void> ClientConnection::wait_idle() {
  const Instant end = parts_.core.now() + times_.idle;
  while (idle_ && !stopping_ && link_->unread.empty() && !link_->is_broken() &&
         parts_.core.now() < end)
    co_await link_->wait(end);
  if (!idle_ || !link_->unread.empty() || link_->is_broken()) co_return;
  idle_ = false;
  session_->quit(parts_.core.now());
}

ring::Task<bool> ClientConnection::flush() {
  // The session may add to its octets while these are on their way.
  std::string octets(text_of(session_->transmit()));
  // An idle session has no deadline, and an alert must not wait for ever.
  const Instant latest = parts_.core.now() + times_.dialogue.command;
  static_cast<void>(co_await link_->flush(std::min(session_->deadline(), latest)));
  if (octets.empty()) co_return false;
  session_->transmitted(octets.size());
  if (reports_ != nullptr) reports_->watch.sent(octets);
  iovec part{octets.data(), octets.size()};
  static_cast<void>(co_await send(std::span(&part, 1)));
  co_return true;
}

// What `parts` name must stay until this has ended. False: the connection is of no more use.
ring::Task<bool> ClientConnection::send(std::span<iovec> parts) {
  const Instant deadline =
      session_->ended() ? parts_.core.now() + linger_limit : session_->deadline();
  const bool sent = co_await link_->send(parts, deadline);
  if (!sent) session_->expire(parts_.core.now());
  co_return sent;
}

ring::Task<void> ClientConnection::send_content() {
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
  link_->abort();
}

// A fault of the spool, or one without a code: the connection is lost.
ring::Task<std::optional<Fault>> ClientConnection::send_pieces() {
  const auto buffer = buffers_.borrow();
  if (!buffer) co_return buffer.error();
  ContentReader content(parts_.core.ring(), segments_, buffer->room(), attempts_.front()->extents);
  smtp::DataEncoder encoder;
  std::optional<mail::SevenBitConverter> converter;
  if (is_converted() && seven_bit_->plan.is_needed()) converter.emplace(seven_bit_->plan);
  std::string converted;
  std::vector<Bytes> pieces;
  std::uint64_t sent = 0;
  while (true) {
    const auto piece = co_await content.next();
    if (!piece) co_return piece.error();
    const bool at_end = piece->empty();
    pieces.clear();
    converted.clear();
    if (converter)
      at_end ? converter->finish(converted) : converter->convert(text_of(*piece), converted);
    const Bytes octets = converter ? bytes_of(converted) : Bytes(*piece);
    if (chunked_) {
      if (!octets.empty()) pieces.push_back(octets);
    } else {
      encoder.encode(octets, pieces);
      if (at_end) encoder.finish(pieces);
    }
    // The commands that led here go first, if they are not all gone.
    static_cast<void>(co_await flush());
    if (!co_await send_all(pieces)) co_return Fault{"send", 0, server_};
    sent += octets.size();
    if (!at_end) continue;
    if (reports_ != nullptr) reports_->watch.content_sent(sent, chunked_);
    // A server that has all of it may have taken it, whatever it says or does not say.
    delivered_unsaid_ = chunked_;
    co_return std::nullopt;
  }
}

ring::Task<bool> ClientConnection::send_all(const std::vector<Bytes>& pieces) {
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

void ClientConnection::stop() {
  stopping_ = true;
  if (link_) link_->give_up();
}

void ClientConnection::abort() {
  stopping_ = true;
  if (session_) session_->disconnected();
  if (link_) link_->abort();
}

}  // namespace ringpost::mta
