// One connection of the sink; see sink_connection.h. RFC 2033 for LMTP.
#include "tools/load/sink_connection.h"

#include <array>
#include <utility>

#include <fmt/format.h>

#include "proto/base/ascii.h"
#include "tools/load/sink.h"

namespace ringpost::load {
namespace {

constexpr Duration linger_limit = seconds(2);
constexpr std::string_view lhlo = "LHLO";
constexpr std::size_t plaintext_octets = 16'384;  // of one record

const smtp::Reply too_big(552, {5, 3, 4}, "More than the announced size");

// For LMTP, where the session would refuse the content with one reply instead of one for each
// recipient, and so has no limit.
bool is_too_big(std::uint64_t octets, const smtp::Announced& known) {
  return known.size && known.size_octets_max > 0 && octets > known.size_octets_max;
}

std::optional<smtp::Reply> objection_to(const smtp::MailFrom& mail, const smtp::Announced& known) {
  const auto unknown = [](std::string_view parameter) {
    return smtp::Reply(555, {5, 5, 4}, fmt::format("{} was not announced", parameter));
  };
  if (mail.body == smtp::BodyType::EightBitMime && !known.eight_bit_mime) return unknown("BODY");
  if (mail.smtputf8 && !known.smtputf8) return unknown("SMTPUTF8");
  if (mail.size && !known.size) return unknown("SIZE");
  return is_too_big(mail.size.value_or(0), known) ? std::optional(too_big) : std::nullopt;
}

}  // namespace

SinkConnection::SinkConnection(Sink& sink, const Destination& destination, int direct_file)
    : sink_(sink),
      destination_(destination),
      stream_(sink.core(), sink.buffers(), *this),
      session_(sink.limits(), Sink::server_name, sink.core().now()),
      lmtp_begun_(!sink.options().lmtp) {
  if (!sink.options().announced.dsn) session_.withhold_dsn();
  if (sink.options().encryption == Encryption::StartTls)
    session_.offer_tls(smtp::TlsOffer::Offered);
  stream_.accept(direct_file);
}

void SinkConnection::opened(const std::optional<net::Address>&) {
  ++sink_.statistics().connections;
  ++sink_.counts(destination_).connections;
  if (sink_.options().encryption == Encryption::Implicit) {
    begin_tls();
  } else {
    take_events();
    if (!stream_.closing()) stream_.receive();
  }
  go_on();
}

void SinkConnection::received(memory::Buffer buffer) {
  if (tls_ != nullptr) return decrypt(buffer.octets());
  // RFC 3207 4.2: what came behind STARTTLS and before the handshake is nothing that its client
  // said.
  if (!session_.awaits_tls()) take_octets(buffer.octets());
  go_on();
}

void SinkConnection::take_octets(Bytes octets) {
  if (unread_.empty() && lmtp_begun_) {
    feed(octets);
  } else {
    unread_ += text_of(octets);
    feed_unread();
  }
}

void SinkConnection::begin_tls() {
  unread_.clear();
  tls_ = std::make_unique<Secured>(*this, sink_.options().keys->context(), sink_.signer());
  if (!stream_.closing()) stream_.receive();
}

// Called without octets when a signature has come.
void SinkConnection::decrypt(Bytes octets) {
  std::array<std::byte, plaintext_octets> room;
  std::string input = std::exchange(tls_->waiting, {});
  if (!input.empty()) octets = bytes_of(input += text_of(octets));
  while (!stream_.closing()) {
    const tls::Channel::Progress progress = tls_->channel.receive(octets, room);
    octets = octets.subspan(progress.consumed);
    if (tls_->stands || tls_stands())
      if (progress.produced > 0) take_octets(Bytes(room).first(progress.produced));
    if (progress.none()) break;
  }
  tls_->waiting = text_of(octets);
  go_on();
}

bool SinkConnection::tls_stands() {
  using enum tls::Channel::State;
  const tls::Channel::State state = tls_->channel.state();
  if (state == Failed) {
    ++sink_.statistics().handshakes.failed;
    sink_.statistics().errors.add(fmt::format("TLS: {}", tls_->channel.problem()));
    session_.disconnected();
  }
  if (state != Open && state != PeerEnded) return false;
  tls_->stands = true;
  HandshakeCounts& counts = sink_.statistics().handshakes;
  ++(tls_->channel.facts().resumed ? counts.resumed : counts.full);
  session_.secured(sink_.core().now());
  take_events();
  return true;
}

void SinkConnection::feed(Bytes octets) {
  while (!octets.empty() && !asked_ && !is_over() &&
         output_.size() < smtp::unsent_replies_octets_max) {
    const std::size_t taken = session_.receive(octets, sink_.core().now());
    octets = octets.subspan(taken);
    more_waits_ = !octets.empty();
    const bool moved = take_events();
    if (taken == 0 && !moved) break;
  }
  if (is_over()) return;
  unread_ += text_of(octets);
  // A peer that sends on without reading replies waits until some of them have left.
  if (!unread_.empty()) stream_.hold();
}

void SinkConnection::feed_unread() {
  if (!lmtp_begun_ && !begin_lmtp()) return;
  const std::string octets = std::exchange(unread_, {});
  feed(bytes_of(octets));
}

// The session knows no LHLO: it gets an EHLO instead, from a client whose first command it is.
bool SinkConnection::begin_lmtp() {
  if (unread_.size() < lhlo.size()) return false;
  said_lhlo_ = ascii::starts_ignoring_case(unread_, lhlo);
  if (said_lhlo_) unread_[0] = 'E';
  return lmtp_begun_ = true;
}

bool SinkConnection::take_events() {
  bool any = false;
  while (!asked_ && !is_over()) {
    const auto event = session_.next_event();
    if (!event) break;
    any = true;
    std::visit([this](const auto& news) { take(news); }, *event);
  }
  return any;
}

void SinkConnection::take(const smtp::Opened&) { ask(Step::Greeting); }

void SinkConnection::take(const smtp::HelloReceived& hello) {
  extended_hello_ = hello.extended;
  std::optional<smtp::Reply> objection;
  if (sink_.options().lmtp && !said_lhlo_)  // RFC 2033 4.1
    objection.emplace(500, smtp::EnhancedStatus{5, 5, 1}, "This is LMTP: say LHLO");
  ask(Step::Hello, std::move(objection));
}

void SinkConnection::take(const smtp::StartTlsReceived&) {
  session_.answer(smtp::Decision::accept(), sink_.core().now());
}

void SinkConnection::take(const smtp::MailFrom& mail) {
  sink_.statistics().begin(sink_.core().now());
  sender_ = smtp::to_text(mail.sender);
  recipients_.clear();
  arrival_ = {};
  octets_ = 0;
  has_high_ = false;
  ask(Step::Mail, objection_to(mail, sink_.options().announced));
}

void SinkConnection::take(const smtp::RcptTo& rcpt) {
  recipients_.push_back(smtp::to_text(rcpt.recipient));
  ask(Step::Rcpt);
}

void SinkConnection::take(const smtp::ContentBegin& content) {
  std::optional<smtp::Reply> objection;
  if (content.chunked && !sink_.options().announced.chunking)
    objection.emplace(502, smtp::EnhancedStatus{5, 5, 1}, "BDAT was not announced");
  ask(Step::Data, std::move(objection));
}

void SinkConnection::take(const smtp::Content& content) {
  const Options& options = sink_.options();
  arrival_.take(content.slice);
  octets_ += content.slice.size();
  if (!options.announced.eight_bit_mime && !options.lmtp)
    has_high_ = has_high_ || ascii::has_high(text_of(content.slice));
}

void SinkConnection::take(const smtp::ContentEnd&) {
  if (has_high_) ++sink_.statistics().sink.unannounced;
  ask(Step::DataEnd,
      is_too_big(octets_, sink_.options().announced) ? std::optional(too_big) : std::nullopt);
}

void SinkConnection::take(const smtp::ContentAborted&) { ++sink_.statistics().failed; }

void SinkConnection::ask(Step step, std::optional<smtp::Reply> objection) {
  asked_ = step;
  objection_ = std::move(objection);
  at_recipient_ = 0;
  taken_for_.clear();
  content_replies_.clear();
  // RFC 2920 3.1; what follows a BDAT is its own octets.
  const bool too_early = more_waits_ && step != Step::Data && !sink_.options().announced.pipelining;
  const bool is_protocol = objection_ && objection_->enhanced.subject == 5;  // X.5.Z
  if (is_protocol || too_early) ++sink_.statistics().sink.unannounced;
  decide();
}

// By LMTP the end of the content is asked about once for each recipient.
void SinkConnection::decide() {
  while (asked_) {
    rule_ = sink_.choose(occasion());
    if (rule_ != nullptr && rule_->delay > Duration{}) {
      sink_.core().timers().arm(delay_, sink_.core().now() + rule_->delay);
      return;
    }
    act();
  }
}

Occasion SinkConnection::occasion() const {
  std::span<const std::string> recipients = recipients_;
  if (asked_ == Step::Rcpt) recipients = recipients.last(1);
  if (asked_ == Step::DataEnd && sink_.options().lmtp)
    recipients = recipients.subspan(at_recipient_, 1);
  return {.step = *asked_,
          .address = destination_.address,
          .port = destination_.port,
          .sender = sender_,
          .recipients = recipients};
}

void SinkConnection::act() {
  if (rule_ != nullptr && rule_->ending == Ending::Drop) return drop();
  const bool has_reply = rule_ != nullptr && rule_->reply;
  if (has_reply && rule_->reply->code >= 400) ++sink_.counts(destination_).refused;
  const smtp::Reply* reply = has_reply ? &*rule_->reply : objection_ ? &*objection_ : nullptr;
  closes_ = closes_ || (rule_ != nullptr && rule_->ending == Ending::Close);
  if (asked_ == Step::DataEnd && sink_.options().lmtp) return answer_recipient(reply);
  answer(*std::exchange(asked_, std::nullopt), reply);
}

void SinkConnection::answer(Step step, const smtp::Reply* reply) {
  const bool refuses = reply != nullptr && reply->code >= 400;
  if (step == Step::Hello && extended_hello_ && !refuses)
    return answer_in_words(sink_.hello_reply());
  if (step == Step::Rcpt && refuses) recipients_.pop_back();
  if (step == Step::DataEnd && !refuses) taken_for_ = recipients_;
  if (step == Step::DataEnd) count_message();
  session_.answer(reply != nullptr ? smtp::Decision(*reply) : smtp::Decision::accept(),
                  sink_.core().now());
}

// RFC 2033 4.2: a reply for each recipient, in their order; they leave together.
void SinkConnection::answer_recipient(const smtp::Reply* reply) {
  const std::string& recipient = recipients_[at_recipient_];
  const smtp::Reply usual(250, {2, 0, 0}, fmt::format("<{}> Ok", recipient));
  const smtp::Reply& said = reply != nullptr ? *reply : usual;
  smtp::append_reply(content_replies_, said.view());
  if (said.code < 400) taken_for_.push_back(recipient);
  if (++at_recipient_ < recipients_.size()) return;
  asked_.reset();
  count_message();
  answer_in_words(content_replies_);
}

void SinkConnection::count_message() {
  if (taken_for_.empty()) return;
  const Instant now = sink_.core().now();
  Statistics& statistics = sink_.statistics();
  DestinationCounts& counts = sink_.counts(destination_);
  ++statistics.messages;
  statistics.octets += octets_;
  statistics.end(now);
  ++counts.messages;
  counts.recipients += taken_for_.size();
  if (const auto sent = arrival_.sent(); sent && *sent <= now)
    statistics.latency.record(static_cast<std::uint64_t>((now - *sent).ns));
  if (sink_.options().ledger.empty()) return;
  const std::string id = arrival_.id();
  for (const std::string& recipient : taken_for_) sink_.ledger().add(id, recipient);
}

// Accepts, with these lines instead of what the session says.
void SinkConnection::answer_in_words(std::string_view lines) {
  output_ += text_of(session_.transmit());
  session_.transmitted(session_.transmit().size());
  session_.answer(smtp::Decision::accept(), sink_.core().now());
  session_.transmitted(session_.transmit().size());
  output_ += lines;
}

void SinkConnection::time_is_up() {
  act();
  decide();
  take_events();
  if (!is_over() && !asked_) {
    feed_unread();
    if (unread_.empty() && !stream_.closing()) stream_.receive();
  }
  go_on();
}

void SinkConnection::drop() {
  ++sink_.counts(destination_).dropped;
  asked_.reset();
  session_.disconnected();
  stream_.abort();
}

// Sends what there is to say, then closes when the session is over.
void SinkConnection::go_on() {
  if (stream_.closing() || stream_.sending()) return;
  const bool ends = session_.wants_close() || (closes_ && !asked_);
  gather_replies(ends);
  if (!replies_.empty()) {
    sink_.write_ledger();
    stream_.send(bytes_of(replies_));
  }
  if (tls_ == nullptr && session_.awaits_tls()) begin_tls();
  if (ends) stream_.close(linger_limit);
}

void SinkConnection::gather_replies(bool ends) {
  const bool is_shaking_hands = tls_ != nullptr && !tls_->stands;
  const Bytes replies = is_shaking_hands ? Bytes{} : session_.transmit();
  replies_ = is_shaking_hands ? std::string() : std::exchange(output_, {});
  replies_ += text_of(replies);
  session_.transmitted(replies.size());
  if (tls_ == nullptr) return;
  if (tls_->channel.may_send() && !replies_.empty()) tls_->channel.send(bytes_of(replies_));
  if (ends) tls_->channel.finish();
  replies_.clear();
  tls_->channel.take_output(replies_);
}

void SinkConnection::receive_ended(int) {
  sink_.core().timers().disarm(delay_);
  asked_.reset();
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
  if (delay_.armed()) {
    sink_.core().timers().disarm(delay_);
    time_is_up();
  }
  take_events();
  go_on();
}

void SinkConnection::closed() {
  sink_.core().timers().disarm(delay_);
  sink_.connection_over(*this);
}

}  // namespace ringpost::load
