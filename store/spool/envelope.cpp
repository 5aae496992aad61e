// Envelope: see envelope.h. Pure; wrong octets give nothing, an Envelope beyond the limits is our
// fault.
#include "store/spool/envelope.h"

#include <algorithm>
#include <array>

#include "proto/base/check.h"
#include "proto/base/wire.h"
#include "store/log/record.h"
#include "store/spool/progress_wire.h"

namespace ringpost::store {
namespace {

// One list of the text fields for counting, writing, reading and checking, in the order on disk.
auto texts_of(auto& envelope) {
  return std::array{&envelope.reverse_path, &envelope.hello,        &envelope.client_address,
                    &envelope.client_name,  &envelope.listener_tag, &envelope.authenticated_user,
                    &envelope.envelope_id};
}

auto texts_of_recipient(auto& recipient) {
  return std::array{&recipient.accepted_address,
                    &recipient.final_address,
                    &recipient.original,
                    &recipient.action,
                    &recipient.user,
                    &recipient.sub_address,
                    &recipient.target};
}

bool are_within_limits(const auto& texts) {
  return std::ranges::all_of(
      texts, [](const std::string* text) { return text->size() <= envelope_text_octets_max; });
}

void put(auto& sink, const Extent& extent) {
  put_fixed(sink, extent.segment.value);
  put_fixed(sink, extent.offset);
  put_fixed(sink, extent.length);
  put_fixed(sink, extent.crc);
}

void put(auto& sink, const Envelope& envelope) {
  put_number(sink, envelope.generation);
  put_fixed(sink, envelope.received.us);
  put_fixed(sink, static_cast<std::uint8_t>(envelope.body));
  put_fixed(sink, static_cast<std::uint8_t>(envelope.dsn_return));
  put_fixed(sink, static_cast<std::uint8_t>(envelope.smtputf8));
  for (const std::string* text : texts_of(envelope)) put_text(sink, *text);
  put_number(sink, static_cast<std::uint32_t>(envelope.recipients.size()));
  for (const Recipient& recipient : envelope.recipients) {
    for (const std::string* text : texts_of_recipient(recipient)) put_text(sink, *text);
    put_fixed(sink, recipient.notify_flags);
    put_progress(sink, recipient.progress);
  }
  put_number(sink, static_cast<std::uint32_t>(envelope.extents.size()));
  for (const Extent& extent : envelope.extents) put(sink, extent);
}

Recipient take_recipient(FieldReader& in) {
  Recipient recipient;
  for (std::string* text : texts_of_recipient(recipient)) *text = in.text(envelope_text_octets_max);
  recipient.notify_flags = in.fixed<std::uint8_t>();
  in.require(recipient.notify_flags < 16);
  recipient.progress = take_progress(in);
  return recipient;
}

Extent take_extent(FieldReader& in) {
  Extent extent;
  extent.segment.value = in.fixed<std::uint32_t>();
  extent.offset = in.fixed<std::uint32_t>();
  extent.length = in.fixed<std::uint32_t>();
  extent.crc = in.fixed<std::uint32_t>();
  in.require(extent.segment.value != 0 && extent.offset <= segment_octets_max);
  in.require(extent.length <= segment_octets_max - extent.offset);
  return extent;
}

}  // namespace

bool is_within_limits(const Envelope& envelope) {
  if (envelope.recipients.size() > envelope_recipients_max) return false;
  if (envelope.extents.size() > envelope_extents_max) return false;
  return are_within_limits(texts_of(envelope)) &&
         std::ranges::all_of(envelope.recipients, [](const Recipient& recipient) {
           return are_within_limits(texts_of_recipient(recipient));
         });
}

std::uint64_t content_octets(const Envelope& envelope) {
  std::uint64_t octets = 0;
  for (const Extent& extent : envelope.extents) octets += extent.length;
  return octets;
}

std::size_t encoded_octets(const Envelope& envelope) {
  FieldCounter counter;
  put(counter, envelope);
  return counter.octets;
}

void encode(const Envelope& envelope, MutableBytes room) {
  DCHECK(is_within_limits(envelope));
  FieldWriter sink{room};
  put(sink, envelope);
  CHECK(sink.used == room.size());
}

std::optional<Envelope> decode_envelope(Bytes payload) {
  FieldReader in(payload);
  Envelope envelope;
  envelope.generation = in.number();
  envelope.received.us = in.fixed<std::int64_t>();
  const auto body = in.fixed<std::uint8_t>();
  const auto dsn_return = in.fixed<std::uint8_t>();
  const auto smtputf8 = in.fixed<std::uint8_t>();
  in.require(body <= 2 && dsn_return <= 2 && smtputf8 <= 1);
  envelope.body = static_cast<BodyType>(body);
  envelope.dsn_return = static_cast<DsnReturn>(dsn_return);
  envelope.smtputf8 = smtputf8 == 1;
  for (std::string* text : texts_of(envelope)) *text = in.text(envelope_text_octets_max);
  const std::uint32_t recipients = in.number(envelope_recipients_max);
  for (std::uint32_t i = 0; i < recipients && in.ok(); ++i)
    envelope.recipients.push_back(take_recipient(in));
  const std::uint32_t extents = in.number(envelope_extents_max);
  for (std::uint32_t i = 0; i < extents && in.ok(); ++i)
    envelope.extents.push_back(take_extent(in));
  if (!in.ok() || !in.at_end()) return std::nullopt;
  return envelope;
}

}  // namespace ringpost::store
