// Loading: see generation_loader.h.
#include "engine/mta/generation_loader.h"

#include <algorithm>
#include <cerrno>
#include <iterator>

#include <fcntl.h>
#include <unistd.h>

#include "engine/mta/listen_addresses.h"
#include "proto/base/ascii.h"

namespace ringpost::mta {
namespace {

std::string host_name() {
  char name[256] = "localhost";
  if (gethostname(name, sizeof name) != 0) return "localhost";
  name[sizeof name - 1] = '\0';
  return ascii::lower(name);
}

conf::Diagnostic unreadable(const std::string& path, const Fault& fault) {
  conf::Diagnostic diagnostic;
  diagnostic.file = path;
  diagnostic.text = to_text(fault);
  return diagnostic;
}

std::shared_ptr<Generation> generation_of(conf::Config config, ListenResolution resolved) {
  auto generation = std::make_shared<Generation>();
  generation->host = conf::LocalHost(config.server_name, interface_addresses());
  generation->listeners = std::move(resolved.addresses);
  generation->local = std::move(resolved.local);
  generation->session_limits = session_limits_of(config);
  generation->connection_limits = {config.smtp.connections_max,
                                   config.smtp.connections_per_address_max};
  generation->config = std::move(config);
  return generation;
}

}  // namespace

std::expected<std::string, Fault> read_text_file(const std::string& path) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return std::unexpected(Fault{"open", errno, path});
  std::string text;
  char room[65'536];
  ssize_t got = 0;
  while ((got = read(file, room, sizeof room)) > 0)
    text.append(room, static_cast<std::size_t>(got));
  const int error = errno;
  close(file);
  if (got < 0) return std::unexpected(Fault{"read", error, path});
  return text;
}

LoadedGeneration load_generation(const LoadWish& wish) {
  auto text = read_text_file(wish.path);
  if (!text) return {nullptr, {unreadable(wish.path, text.error())}};
  conf::ParseInput input{.path = wish.path,
                         .text = std::move(*text),
                         .server_name = wish.server_name.empty() ? host_name() : wish.server_name,
                         .macros = wish.macros};
  conf::FileReader reader = read_text_file;
  conf::ParseResult parsed = conf::parse(std::move(input), reader);
  const bool is_refused = !wish.only_check && conf::refuse_unsupported(parsed.diagnostics);
  LoadedGeneration loaded{nullptr, std::move(parsed.diagnostics)};
  if (!parsed.config || is_refused) return loaded;
  ListenResolution resolved = resolve_listeners(*parsed.config);
  if (resolved.errors.empty()) {
    loaded.generation = generation_of(std::move(*parsed.config), resolved);
  }
  std::ranges::move(resolved.errors, std::back_inserter(loaded.diagnostics));
  return loaded;
}

}  // namespace ringpost::mta
