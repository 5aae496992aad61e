// Datagrams between the engine and the process that speaks PAM: see pam_request.h.
#include "proto/sasl/pam_request.h"

#include <utility>

#include "proto/base/wire.h"

namespace ringpost::sasl {
namespace {

constexpr std::size_t client_octets_max = 64;
constexpr std::size_t reason_octets_max = 256;

struct TextSink {
  std::string octets = {};
  void put(Bytes field) { octets += ringpost::text_of(field); }
};

void put_fields(auto& sink, const PamRequest& request) {
  put_fixed(sink, request.id);
  put_text(sink, request.user);
  put_text(sink, request.client);
  put_text(sink, request.password.reveal());
}

}  // namespace

Secret encode(const PamRequest& request) {
  FieldCounter counter;
  put_fields(counter, request);
  Secret datagram(counter.octets);
  FieldWriter writer{std::as_writable_bytes(std::span(datagram.writable(), counter.octets))};
  put_fields(writer, request);
  return datagram;
}

std::optional<PamRequest> decode_pam_request(Bytes datagram) {
  FieldReader in(datagram);
  PamRequest request{.id = in.fixed<std::uint64_t>()};
  request.user = in.text(credential_octets_max);
  request.client = in.text(client_octets_max);
  std::string password = in.text(credential_octets_max);
  request.password = Secret(std::string_view(password));
  wipe(password.data(), password.size());
  const bool fine = in.ok() && in.at_end() && is_credential(request.user) &&
                    is_credential(request.password.reveal()) &&
                    request.client.find('\0') == std::string::npos;
  if (!fine) return std::nullopt;
  return request;
}

std::string encode(const PamReply& reply) {
  TextSink sink;
  put_fixed(sink, reply.id);
  put_fixed(sink, std::to_underlying(reply.result));
  put_text(sink, std::string_view(reply.reason).substr(0, reason_octets_max));
  return std::move(sink.octets);
}

std::optional<PamReply> decode_pam_reply(Bytes datagram) {
  FieldReader in(datagram);
  PamReply reply{.id = in.fixed<std::uint64_t>()};
  const auto result = in.fixed<std::uint8_t>();
  reply.reason = in.text(reason_octets_max);
  if (!in.ok() || !in.at_end() || result > std::to_underlying(PamResult::Failed))
    return std::nullopt;
  reply.result = static_cast<PamResult>(result);
  return reply;
}

}  // namespace ringpost::sasl
