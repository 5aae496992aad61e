// Reports to senders: see reports.h. The steps of one: who stands in it, the way to the sender, the
// text, the content into the spool, the commit.
#include "engine/mta/reports.h"

#include <fmt/format.h>

#include "engine/mta/content_leases.h"
#include "engine/mta/dispatcher.h"
#include "engine/mta/random.h"
#include "engine/mta/recipients.h"
#include "engine/mta/spool_wait.h"
#include "proto/base/ascii.h"
#include "proto/smtp/path.h"

namespace ringpost::mta {
namespace {

// Other recipients of the message that are being worked on may come to stand in the same report.
constexpr Duration gather_pause = milliseconds(20);
constexpr unsigned gather_pauses_max = 250;
// A header that does not end is cut off here.
constexpr std::size_t header_octets_max = 256 * 1024;

smtp::EnhancedStatus status_of(std::string_view text) {
  if (text.empty() || !ascii::is_digit(text.front())) return {};
  return smtp::take_enhanced(text, static_cast<unsigned>(text.front() - '0'));
}

// Nobody can foresee it and put it into a message.
std::string new_boundary() {
  return fmt::format("rp-{:016x}{:016x}", random_number(), random_number());
}

dsn::Body body_of(store::BodyType body) {
  switch (body) {
    case store::BodyType::SevenBit:
      return dsn::Body::SevenBit;
    case store::BodyType::EightBitMime:
      return dsn::Body::EightBitMime;
    case store::BodyType::BinaryMime:
      break;
  }
  return dsn::Body::BinaryMime;
}

store::BodyType body_of(dsn::Body body) {
  return body == dsn::Body::SevenBit ? store::BodyType::SevenBit : store::BodyType::EightBitMime;
}

// How many octets of `octets` belong to the header that `seen` octets of its end's CRLFCRLF have
// been seen of; `seen` is 4 once it is complete.
std::size_t header_part(std::string_view octets, unsigned& seen) {
  constexpr std::string_view end = "\r\n\r\n";
  std::size_t at = 0;
  for (; at < octets.size() && seen < end.size(); ++at) {
    const bool goes_on = octets[at] == end[seen];
    seen = goes_on ? seen + 1 : (octets[at] == '\r' ? 1 : 0);
  }
  return at;
}

dsn::ReportedRecipient reported(const DeliveryOrder& order, dsn::Action action,
                                WallTime retry_until, WallTime now) {
  return {.action = action,
          .address = order.recipient.accepted_address,
          .final_address = order.recipient.final_address,
          .original = order.recipient.original,
          .status = status_of(order.result.status),
          .server = order.result.server,
          .diagnostic = order.result.reply.empty() ? std::string_view(order.result.detail)
                                                   : std::string_view(order.result.reply),
          .last_attempt = now,
          .retry_until = retry_until};
}

}  // namespace

namespace {

struct AwaitedSignature final : MailSignerOwner {
  void mail_signed(bool is_done) override {
    made = is_done;
    settled.set();
  }
  bool made = false;
  ring::Signal settled;
};

}  // namespace

// A message of our own in the making.
struct Reports::Draft {
  Draft(WorkerParts& parts, const std::shared_ptr<const Generation>& generation)
      : id(parts.spooler->new_id()), epoch(parts.spooler->epoch()), leases(*parts.index) {
    if (generation->signing.signs())
      signer = std::make_unique<MailSigner>(parts, generation, MailSigner::Purpose::Dkim);
  }
  QueueId id;
  std::uint32_t epoch;
  store::Envelope envelope;
  ContentLeases leases;
  std::unique_ptr<MailSigner> signer;  // until the content is complete
};

Reports::Reports(WorkerParts& parts, const SegmentStore& segments, ReadBuffers& buffers,
                 UnderWay under_way)
    : parts_(parts), segments_(segments), buffers_(buffers), under_way_(std::move(under_way)) {}

void Reports::stop() {
  stopping_ = true;
  for (MailSigner* const signer : signing_) signer->hurry();
}

ring::Task<Told> Reports::tell(const DeliveryOrder& order, dsn::Action action,
                               WallTime retry_until) {
  Notice notice{.order = order, .action = action, .retry_until = retry_until};
  const auto [place, first] = waiting_.try_emplace(order.id);
  place->second.push_back(&notice);
  if (first) ring::Task<void>::spawn(scope_, gather(order.id));
  co_await notice.done;
  co_return notice.told;
}

ring::Task<void> Reports::gather(QueueId id) {
  for (unsigned i = 0; i < gather_pauses_max && !stopping_; ++i) {
    // The one that came first at least leaves this turn: others may end in it, too.
    co_await ring::Pause(parts_.core, i == 0 ? Duration{0} : gather_pause);
    if (under_way_(id) <= waiting_.at(id).size()) break;
  }
  const Notices notices = std::move(waiting_.extract(id).mapped());
  const Told told = co_await send(id, notices);
  for (Notice* notice : notices) {
    notice->told = told;
    notice->done.set();
  }
}

ring::Task<Told> Reports::send(QueueId id, const Notices& notices) {
  const auto original = co_await parts_.dispatcher->envelope_of(id);
  if (!original) co_return Told::NotNow;
  const store::Envelope& message = **original;
  const auto sender = smtp::parse_reverse_path(message.reverse_path);
  if (!sender || sender->is_null()) co_return Told::Unroutable;
  const std::shared_ptr<const Generation> generation = parts_.generation;
  const conf::Expansion way =
      co_await expand_own(parts_, generation, sender->mailbox.local, sender->mailbox.domain);
  if (way.outcome == conf::Outcome::TemporaryFailure) co_return Told::NotNow;
  if (way.outcome != conf::Outcome::Deliver) co_return Told::Unroutable;

  Draft draft(parts_, generation);
  for (const conf::Delivery& delivery : way.deliveries) {
    store::Recipient recipient = recipient_of(delivery);
    recipient.accepted_address = message.reverse_path;
    recipient.notify_flags = store::notify::never;
    draft.envelope.recipients.push_back(std::move(recipient));
  }
  std::vector<dsn::ReportedRecipient> rows;
  bool any_failed = false;
  for (const Notice* notice : notices) {
    rows.push_back(
        reported(notice->order, notice->action, notice->retry_until, parts_.core.wall()));
    any_failed = any_failed || notice->action == dsn::Action::Failed;
  }
  const dsn::ReportedMessage about{.id = id,
                                   .sender = message.reverse_path,
                                   .envelope_id = message.envelope_id,
                                   .received_from = message.hello,
                                   .received = message.received,
                                   .smtputf8 = message.smtputf8,
                                   .body = body_of(message.body)};
  const std::string& server_name = generation->config.server_name;
  const std::string message_id = fmt::format("{}@{}", to_text(draft.id), server_name);
  const std::string boundary = new_boundary();
  const dsn::Returned returned =
      dsn::returned_content(static_cast<smtp::ReturnContent>(message.dsn_return), any_failed,
                            about.body, store::content_octets(message));
  const dsn::Report report = dsn::compose(about, rows, returned,
                                          {.server_name = server_name,
                                           .message_id = message_id,
                                           .boundary = boundary,
                                           .now = parts_.core.wall()});
  if (!co_await write(draft, message, report, returned)) co_return Told::NotNow;
  parts_.events.emit(parts_.core.wall(),
                     observe::ReportQueued{.id = draft.id,
                                           .about = id,
                                           .to = message.reverse_path,
                                           .recipients = static_cast<std::uint32_t>(notices.size()),
                                           .failed = any_failed});
  parts_.metrics.delivery.reports.add();
  co_return Told::Sent;
}

ring::Task<bool> Reports::write(Draft& draft, const store::Envelope& original,
                                const dsn::Report& report, dsn::Returned returned) {
  store::Envelope& envelope = draft.envelope;
  envelope.received = parts_.core.wall();
  for (store::Recipient& recipient : envelope.recipients)
    recipient.progress.next_due = envelope.received;
  envelope.body = body_of(report.body);
  envelope.smtputf8 = report.smtputf8;
  if (!co_await append(draft, bytes_of(report.before))) co_return false;
  if (!co_await append_original(draft, original, returned)) co_return false;
  if (!co_await append(draft, bytes_of(report.after))) co_return false;
  if (!co_await sign(draft)) co_return false;
  co_return co_await commit(draft);
}

// False: no room will come soon.
ring::Task<bool> Reports::append(Draft& draft, Bytes octets) {
  const memory::Buffer none;
  while (true) {
    const std::size_t taken =
        parts_.spooler->append_content(draft.id, octets, none, draft.envelope.extents);
    draft.leases.hold_last(draft.envelope.extents);
    if (draft.signer != nullptr) draft.signer->take(octets.first(taken));
    octets = octets.subspan(taken);
    if (octets.empty()) co_return true;
    if (!parts_.spooler->accepting()) co_return false;
    AwaitedRoom waiter;
    parts_.spooler->wait_for_room(waiter);
    co_await waiter.room;
  }
}

ring::Task<bool> Reports::append_original(Draft& draft, const store::Envelope& original,
                                          dsn::Returned returned) {
  const auto buffer = buffers_.borrow();
  if (!buffer) co_return false;
  ContentReader content(parts_.core.ring(), segments_, buffer->room(), original.extents);
  unsigned seen = 0;
  std::size_t octets = 0;
  while (true) {
    const auto piece = co_await content.next();
    if (!piece) co_return false;
    if (piece->empty()) co_return true;
    Bytes wanted = *piece;
    if (returned == dsn::Returned::Headers)
      wanted = wanted.first(header_part(text_of(wanted), seen));
    if (!co_await append(draft, wanted)) co_return false;
    octets += wanted.size();
    if (returned == dsn::Returned::Headers && (seen == 4 || octets > header_octets_max))
      co_return true;
  }
}

// The fields become an extent in front of the others. Without signatures the sender is told all the
// same. False: no room will come soon.
ring::Task<bool> Reports::sign(Draft& draft) {
  const std::unique_ptr<MailSigner> signer = std::move(draft.signer);
  if (signer == nullptr) co_return true;
  if (!co_await is_signed(*signer)) {
    if (!signer->signers().empty()) {
      parts_.events.emit(parts_.core.wall(), observe::ReportUnsigned{.id = draft.id});
      parts_.metrics.delivery.reports_unsigned.add();
    }
    co_return true;
  }
  const std::vector<store::Extent> content = std::exchange(draft.envelope.extents, {});
  const bool has_room = co_await append(draft, bytes_of(signer->fields()));
  draft.envelope.extents.insert(draft.envelope.extents.end(), content.begin(), content.end());
  co_return has_room;
}

ring::Task<bool> Reports::is_signed(MailSigner& signer) {
  AwaitedSignature signature;
  if (stopping_) signer.hurry();
  if (!signer.sign({}, signature)) co_return false;
  signing_.insert(&signer);
  co_await signature.settled;
  signing_.erase(&signer);
  co_return signature.made;
}

ring::Task<bool> Reports::commit(Draft& draft) {
  while (true) {
    if (draft.epoch != parts_.spooler->epoch() || !store::is_within_limits(draft.envelope))
      co_return false;
    AwaitedCommit commit;
    const auto appended = parts_.spooler->append(draft.id, draft.envelope, commit);
    if (appended) {
      co_await commit.settled;
      if (!commit.durable) co_return false;
      parts_.dispatcher->accepted(draft.id, std::move(draft.envelope), appended->where);
      co_return true;
    }
    if (appended.error() == store::Refused::TooLarge || !parts_.spooler->accepting())
      co_return false;
    AwaitedRoom waiter;
    parts_.spooler->wait_for_room(waiter);
    co_await waiter.room;
  }
}

}  // namespace ringpost::mta
