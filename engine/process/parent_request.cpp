// Requests to the parent: see parent_request.h.
#include "engine/process/parent_request.h"

#include <sys/socket.h>

#include "engine/process/agent_frame.h"
#include "engine/process/frame_fields.h"

namespace ringpost::process {
namespace {

enum class RequestKind : std::uint8_t {
  StartAgent,
  BindSocket,
  Ready,
  ReadConfiguration,
  LoadKey,
  ConnectKeys,
  WatchFile,
  ForgetFiles,
  ConnectAuth,
};

StartAgent take_agent(FieldReader& in) {
  StartAgent request;
  request.user.uid = in.fixed<std::uint32_t>();
  request.user.gid = in.fixed<std::uint32_t>();
  const auto mailbox = in.fixed<std::uint8_t>();
  in.require(mailbox <= 1);
  request.user.mailbox = mailbox == 1;
  request.user.name = take_text(in, name_octets_max);
  in.require(is_file_name(request.user.name));
  // -1 is no user to the kernel: asked for it, setresuid changes nothing.
  in.require(request.user.uid != static_cast<uid_t>(-1) &&
             request.user.gid != static_cast<gid_t>(-1));
  return request;
}

BindSocket take_bind(FieldReader& in) {
  const std::string address = in.text(sizeof(sockaddr_storage));
  in.require(address.size() >= sizeof(sockaddr::sa_family));
  const Bytes octets = bytes_of(address);
  return {std::vector<std::byte>(octets.begin(), octets.end())};
}

LoadKey take_key(FieldReader& in) {
  LoadKey request;
  request.path = take_absolute_path(in, path_octets_max);
  request.user = take_text(in, name_octets_max);
  return request;
}

ParentRequest take_request(FieldReader& in) {
  switch (static_cast<RequestKind>(in.fixed<std::uint8_t>())) {
    case RequestKind::StartAgent:
      return take_agent(in);
    case RequestKind::BindSocket:
      return take_bind(in);
    case RequestKind::Ready:
      return Ready{};
    case RequestKind::ReadConfiguration:
      return ReadConfiguration{};
    case RequestKind::LoadKey:
      return take_key(in);
    case RequestKind::ConnectKeys:
      return ConnectKeys{};
    case RequestKind::WatchFile:
      return WatchFile{take_absolute_path(in, path_octets_max)};
    case RequestKind::ForgetFiles:
      return ForgetFiles{Instant{in.fixed<std::int64_t>()}};
    case RequestKind::ConnectAuth:
      return ConnectAuth{};
  }
  in.require(false);
  return Ready{};
}

void put_request(StringSink& sink, const StartAgent& request) {
  put_kind(sink, RequestKind::StartAgent);
  put_fixed(sink, std::uint32_t{request.user.uid});
  put_fixed(sink, std::uint32_t{request.user.gid});
  put_fixed(sink, static_cast<std::uint8_t>(request.user.mailbox));
  put_text(sink, request.user.name);
}

void put_request(StringSink& sink, const BindSocket& request) {
  put_kind(sink, RequestKind::BindSocket);
  put_text(sink, text_of(request.address));
}

void put_request(StringSink& sink, const Ready&) { put_kind(sink, RequestKind::Ready); }

void put_request(StringSink& sink, const ReadConfiguration&) {
  put_kind(sink, RequestKind::ReadConfiguration);
}

void put_request(StringSink& sink, const LoadKey& request) {
  put_kind(sink, RequestKind::LoadKey);
  put_text(sink, request.path);
  put_text(sink, request.user);
}

void put_request(StringSink& sink, const ConnectKeys&) { put_kind(sink, RequestKind::ConnectKeys); }

void put_request(StringSink& sink, const ConnectAuth&) { put_kind(sink, RequestKind::ConnectAuth); }

void put_request(StringSink& sink, const WatchFile& request) {
  put_kind(sink, RequestKind::WatchFile);
  put_text(sink, request.path);
}

void put_request(StringSink& sink, const ForgetFiles& request) {
  put_kind(sink, RequestKind::ForgetFiles);
  put_fixed(sink, std::int64_t{request.before.ns});
}

std::string encoded(const ParentRequest& request) {
  StringSink sink;
  std::visit([&sink](const auto& one) { put_request(sink, one); }, request);
  return std::move(sink.octets);
}

}  // namespace

std::string encode(const ParentRequest& request) {
  std::string datagram = encoded(request);
  CHECK(decode_request(bytes_of(datagram)) == request);
  return datagram;
}

std::optional<ParentRequest> decode_request(Bytes datagram) {
  if (datagram.size() > request_octets_max) return std::nullopt;
  FieldReader in(datagram);
  ParentRequest request = take_request(in);
  return taken(in, std::move(request));
}

bool is_within_limits(const ParentRequest& request) {
  return decode_request(bytes_of(encoded(request))).has_value();
}

}  // namespace ringpost::process
