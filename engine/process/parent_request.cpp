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
  KeepSocket,
  FindSocket,
  DropSocket,
  Stopping,
  Alive,
  AdoptConfiguration,
  StartProgram,
  EndProgram,
  StartFilter,
  EndFilter,
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

std::vector<std::byte> take_address(FieldReader& in) {
  const std::string address = in.text(sizeof(sockaddr_storage));
  in.require(address.size() >= sizeof(sockaddr::sa_family));
  const Bytes octets = bytes_of(address);
  return {octets.begin(), octets.end()};
}

// A field after the other: the order in which an initialiser evaluates them is nothing to read.
template <class Request>
Request take_place(FieldReader& in) {
  Request request;
  request.address = take_address(in);
  request.core = in.fixed<std::uint32_t>();
  return request;
}

StartProgram take_program(FieldReader& in) {
  StartProgram request;
  request.name = take_text(in, name_octets_max);
  const std::uint32_t words = in.number(program_words_max);
  in.require(words > 0);
  for (std::uint32_t i = 0; in.ok() && i < words; ++i)
    request.words.push_back(take_text(in, command_octets_max));
  in.require(in.ok() && request.words[0].starts_with('/'));
  return request;
}

StartFilter take_filter(FieldReader& in) {
  StartFilter request;
  request.id = in.fixed<std::uint64_t>();
  request.program = take_filter_program(in);
  return request;
}

EndFilter take_end_of_filter(FieldReader& in) {
  EndFilter request;
  request.id = in.fixed<std::uint64_t>();
  const auto kill = in.fixed<std::uint8_t>();
  in.require(kill <= 1);
  request.kill = kill == 1;
  return request;
}

ParentRequest take_request(FieldReader& in) {
  switch (static_cast<RequestKind>(in.fixed<std::uint8_t>())) {
    case RequestKind::StartAgent:
      return take_agent(in);
    case RequestKind::BindSocket:
      return BindSocket{take_address(in)};
    case RequestKind::Ready:
      return Ready{};
    case RequestKind::ReadConfiguration:
      return ReadConfiguration{};
    case RequestKind::LoadKey:
      return LoadKey{take_absolute_path(in, path_octets_max)};
    case RequestKind::ConnectKeys:
      return ConnectKeys{};
    case RequestKind::WatchFile:
      return WatchFile{take_absolute_path(in, path_octets_max)};
    case RequestKind::ForgetFiles:
      return ForgetFiles{Instant{in.fixed<std::int64_t>()}};
    case RequestKind::ConnectAuth:
      return ConnectAuth{};
    case RequestKind::KeepSocket:
      return take_place<KeepSocket>(in);
    case RequestKind::FindSocket:
      return take_place<FindSocket>(in);
    case RequestKind::DropSocket:
      return DropSocket{take_address(in)};
    case RequestKind::Stopping:
      return Stopping{};
    case RequestKind::Alive:
      return Alive{};
    case RequestKind::AdoptConfiguration:
      return AdoptConfiguration{};
    case RequestKind::StartProgram:
      return take_program(in);
    case RequestKind::EndProgram:
      return EndProgram{in.fixed<std::int32_t>()};
    case RequestKind::StartFilter:
      return take_filter(in);
    case RequestKind::EndFilter:
      return take_end_of_filter(in);
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

void put_request(StringSink& sink, const KeepSocket& request) {
  put_kind(sink, RequestKind::KeepSocket);
  put_text(sink, text_of(request.address));
  put_fixed(sink, request.core);
}

void put_request(StringSink& sink, const FindSocket& request) {
  put_kind(sink, RequestKind::FindSocket);
  put_text(sink, text_of(request.address));
  put_fixed(sink, request.core);
}

void put_request(StringSink& sink, const DropSocket& request) {
  put_kind(sink, RequestKind::DropSocket);
  put_text(sink, text_of(request.address));
}

void put_request(StringSink& sink, const Stopping&) { put_kind(sink, RequestKind::Stopping); }

void put_request(StringSink& sink, const Alive&) { put_kind(sink, RequestKind::Alive); }

void put_request(StringSink& sink, const AdoptConfiguration&) {
  put_kind(sink, RequestKind::AdoptConfiguration);
}

void put_request(StringSink& sink, const StartProgram& request) {
  put_kind(sink, RequestKind::StartProgram);
  put_text(sink, request.name);
  put_texts(sink, request.words);
}

void put_request(StringSink& sink, const EndProgram& request) {
  put_kind(sink, RequestKind::EndProgram);
  put_fixed(sink, request.pid);
}

void put_request(StringSink& sink, const StartFilter& request) {
  put_kind(sink, RequestKind::StartFilter);
  put_fixed(sink, request.id);
  put_program(sink, request.program);
}

void put_request(StringSink& sink, const EndFilter& request) {
  put_kind(sink, RequestKind::EndFilter);
  put_fixed(sink, request.id);
  put_fixed(sink, static_cast<std::uint8_t>(request.kill));
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
