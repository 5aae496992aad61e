// From one process to the other, file by file: see configuration_bundle.h. Each file is a frame
// with its path and an error, then one with its text; an empty frame is the end.
#include "engine/mta/configuration_bundle.h"

#include <cerrno>
#include <optional>
#include <utility>

#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "engine/process/agent_frame.h"
#include "engine/process/content.h"
#include "proto/base/wire.h"

namespace ringpost::mta {
namespace {

constexpr std::size_t text_octets_max = std::size_t{2} << 30;
constexpr std::size_t files_max = 10'000;
constexpr timeval patience{.tv_sec = 60, .tv_usec = 0};

bool send_frame(int socket, std::string_view payload) {
  return process::write_frame(socket, process::frame_header(payload.size())) &&
         process::write_frame(socket, payload);
}

std::string header_of(const std::string& path, int error) {
  FieldCounter counter;
  put_fixed(counter, std::int32_t{error});
  put_text(counter, path);
  std::string header(counter.octets, '\0');
  FieldWriter writer{std::as_writable_bytes(std::span(header))};
  put_fixed(writer, std::int32_t{error});
  put_text(writer, path);
  return header;
}

struct Header {
  std::string path;
  int error = 0;
};

std::optional<Header> read_header(std::string_view payload) {
  FieldReader in(bytes_of(payload));
  Header header;
  header.error = in.fixed<std::int32_t>();
  header.path = in.text(process::path_octets_max);
  if (!in.ok() || !in.at_end()) return std::nullopt;
  return header;
}

std::unexpected<Fault> broken() { return std::unexpected(Fault{"read configuration", ECONNRESET}); }

std::expected<ConfigurationBundle, Fault> receive(int socket) {
  ConfigurationBundle bundle;
  std::string payload;
  while (bundle.size() <= files_max) {
    if (!process::read_frame(socket, payload, process::path_octets_max + 64)) return broken();
    if (payload.empty()) return bundle;
    const auto header = read_header(payload);
    std::string text;
    if (!header || !process::read_frame(socket, text, text_octets_max)) return broken();
    if (header->error == 0) {
      bundle.insert_or_assign(header->path, std::move(text));
    } else {
      bundle.insert_or_assign(header->path,
                              std::unexpected(Fault{"open", header->error, header->path}));
    }
  }
  return broken();
}

}  // namespace

bool send_configuration(const LoadWish& wish, int socket) {
  bool is_taken = true;
  const auto send = [&](const std::string& path) {
    auto text = read_text_file(path);
    const int error = text ? 0 : text.error().code;
    is_taken = is_taken && send_frame(socket, header_of(path, error)) &&
               send_frame(socket, text ? std::string_view(*text) : std::string_view());
    return text;
  };
  auto text = send(wish.path);
  if (text) {
    conf::ParseInput input{.path = wish.path,
                           .text = std::move(*text),
                           .server_name = wish.server_name,
                           .macros = wish.macros};
    conf::FileReader read = send;
    // Only for the files that it asks for; what is wrong with them the engine will tell.
    const conf::ParseResult parsed = conf::parse(std::move(input), read);
    // With a mistake in it, too: certificates are renewed while somebody edits it.
    for (const std::string& path : parsed.certificate_paths) send(path);
  }
  return is_taken && send_frame(socket, {});
}

std::expected<ConfigurationBundle, Fault> fetch_configuration(process::ParentLink& parent) {
  const auto socket = parent.read_configuration();
  if (!socket) return std::unexpected(socket.error());
  setsockopt(*socket, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  auto bundle = receive(*socket);
  close(*socket);
  return bundle;
}

}  // namespace ringpost::mta
