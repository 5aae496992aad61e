// The key process's frames: see key_frame.h.
#include "engine/process/key_frame.h"

#include <algorithm>

#include "engine/process/agent_frame.h"
#include "engine/process/frame_fields.h"

namespace ringpost::process {
namespace {

enum class OrderKind : std::uint8_t { Take, Serve, Forget };
enum class AnswerKind : std::uint8_t { Loaded, Refused };

void put_name(StringSink& sink, const KeyName& name) { sink.put(name); }

KeyName take_name(FieldReader& in) {
  KeyName name;
  for (std::byte& octet : name) octet = std::byte{in.fixed<std::uint8_t>()};
  return name;
}

void put_order(StringSink& sink, const TakeKey& order) {
  put_kind(sink, OrderKind::Take);
  put_text(sink, order.path);
  put_text(sink, order.user);
}

void put_order(StringSink& sink, const ServeSigner&) { put_kind(sink, OrderKind::Serve); }

void put_order(StringSink& sink, const ForgetKeys& order) {
  put_kind(sink, OrderKind::Forget);
  put_fixed(sink, std::int64_t{order.before.ns});
}

TakeKey take_key(FieldReader& in) {
  TakeKey order;
  order.path = take_absolute_path(in, path_octets_max);
  order.user = take_text(in, name_octets_max);
  return order;
}

KeyOrder take_order(FieldReader& in) {
  switch (static_cast<OrderKind>(in.fixed<std::uint8_t>())) {
    case OrderKind::Take:
      return take_key(in);
    case OrderKind::Serve:
      return ServeSigner{};
    case OrderKind::Forget:
      return ForgetKeys{Instant{in.fixed<std::int64_t>()}};
  }
  in.require(false);
  return ServeSigner{};
}

KeyAnswer take_answer(FieldReader& in) {
  const auto kind = static_cast<AnswerKind>(in.fixed<std::uint8_t>());
  if (kind == AnswerKind::Refused) return std::unexpected(take_text(in, key_error_octets_max));
  in.require(kind == AnswerKind::Loaded);
  LoadedKey key;
  key.name = take_name(in);
  const auto key_kind = in.fixed<std::uint8_t>();
  in.require(key_kind <= static_cast<std::uint8_t>(KeyKind::Ed25519));
  key.kind = static_cast<KeyKind>(key_kind);
  key.bits = in.fixed<std::uint16_t>();
  return key;
}

std::string framed(std::string payload) { return payload.insert(0, frame_header(payload.size())); }

}  // namespace

std::string encode(const KeyOrder& order) {
  StringSink sink;
  std::visit([&sink](const auto& one) { put_order(sink, one); }, order);
  CHECK(decode_key_order(bytes_of(sink.octets)) == order);
  return std::move(sink.octets);
}

std::optional<KeyOrder> decode_key_order(Bytes datagram) {
  if (datagram.size() > key_order_octets_max) return std::nullopt;
  FieldReader in(datagram);
  KeyOrder order = take_order(in);
  return taken(in, std::move(order));
}

std::string encode(const KeyAnswer& answer) {
  StringSink sink;
  if (answer) {
    put_kind(sink, AnswerKind::Loaded);
    put_name(sink, answer->name);
    put_kind(sink, answer->kind);
    put_fixed(sink, answer->bits);
  } else {
    put_kind(sink, AnswerKind::Refused);
    put_text(sink, std::string_view(answer.error()).substr(0, key_error_octets_max));
  }
  return std::move(sink.octets);
}

std::optional<KeyAnswer> decode_key_answer(Bytes datagram) {
  if (datagram.size() > key_answer_octets_max) return std::nullopt;
  FieldReader in(datagram);
  KeyAnswer answer = take_answer(in);
  return taken(in, std::move(answer));
}

std::string sign_frame(std::uint64_t id, const KeyName& key, std::uint16_t scheme, Bytes input) {
  CHECK(input.size() <= sign_input_octets_max);
  StringSink sink;
  put_fixed(sink, id);
  put_name(sink, key);
  put_fixed(sink, scheme);
  put_text(sink, text_of(input));
  return framed(std::move(sink.octets));
}

std::string reply_frame(const SignReply& reply) {
  CHECK(reply.signature.size() <= signature_octets_max);
  StringSink sink;
  put_fixed(sink, reply.id);
  put_fixed(sink, std::int32_t{reply.error});
  put_text(sink, reply.signature);
  return framed(std::move(sink.octets));
}

std::optional<SignRequest> decode_sign_request(Bytes payload) {
  if (payload.size() > sign_request_octets_max) return std::nullopt;
  FieldReader in(payload);
  SignRequest request;
  request.id = in.fixed<std::uint64_t>();
  request.key = take_name(in);
  request.scheme = in.fixed<std::uint16_t>();
  request.input = in.text(sign_input_octets_max);
  return taken(in, std::move(request));
}

std::optional<SignReply> decode_sign_reply(Bytes payload) {
  if (payload.size() > sign_reply_octets_max) return std::nullopt;
  FieldReader in(payload);
  SignReply reply;
  reply.id = in.fixed<std::uint64_t>();
  reply.error = in.fixed<std::int32_t>();
  reply.signature = in.text(signature_octets_max);
  in.require(reply.error >= 0 && (reply.error == 0) != reply.signature.empty());
  return taken(in, std::move(reply));
}

}  // namespace ringpost::process
