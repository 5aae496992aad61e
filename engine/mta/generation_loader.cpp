// Loading: see generation_loader.h.
#include "engine/mta/generation_loader.h"

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <unordered_map>

#include <fcntl.h>
#include <fmt/format.h>
#include <netdb.h>
#include <unistd.h>

#include "engine/mta/filter_spec.h"
#include "engine/mta/host_name.h"
#include "engine/mta/listen_addresses.h"
#include "engine/mta/lmdb_table.h"
#include "engine/mta/pattern_cache.h"
#include "engine/mta/public_suffixes.h"
#include "engine/mta/sender_rewriting.h"
#include "engine/ring/clock.h"
#include "scan/pattern/posix.h"

namespace ringpost::mta {
namespace {

conf::Diagnostic mistake(const std::string& path, std::string text) {
  conf::Diagnostic diagnostic;
  diagnostic.file = path;
  diagnostic.text = std::move(text);
  return diagnostic;
}

// Where the table programs of OpenSMTPD are installed, and those of ours.
constexpr std::string_view program_folders[] = {
    "/usr/libexec/opensmtpd", "/usr/lib/opensmtpd",       "/usr/local/libexec/opensmtpd",
    "/usr/libexec/smtpd",     "/usr/local/libexec/smtpd", "/usr/libexec/ringpost"};

std::optional<std::string> find_program(std::string_view backend) {
  if (backend.contains('/')) return std::nullopt;
  for (const std::string_view folder : program_folders) {
    std::string path = fmt::format("{}/table-{}", folder, backend);
    if (access(path.c_str(), X_OK) == 0) return path;
  }
  return std::nullopt;
}

std::optional<std::uint16_t> find_service(std::string_view name) {
  servent entry{};
  servent* found = nullptr;
  char room[4096];
  const std::string text(name);
  if (getservbyname_r(text.c_str(), "tcp", &entry, room, sizeof room, &found) != 0) return {};
  if (found == nullptr) return std::nullopt;
  return ntohs(static_cast<std::uint16_t>(found->s_port));
}

std::optional<std::string> problem_of_source(const conf::Table& table) {
  const std::string& text = table.path_or_command();
  if (table.backend() == conf::TableBackend::Lmdb) {
    if (const auto opened = LmdbTable::open(text); !opened) return to_text(opened.error());
  } else if (table.backend() == conf::TableBackend::Proc) {
    const std::string program = text.substr(0, text.find(' '));
    if (access(program.c_str(), X_OK) != 0) return to_text(Fault{"start", errno, program});
  }
  return std::nullopt;
}

// -R, else the configuration, else the system's.
dns::ResolverSettings resolver_of(const LoadWish& wish, const conf::Config& config) {
  dns::ResolverSettings settings = config.resolver;
  if (const auto server = dns::parse_server(wish.resolver)) settings.servers = {*server};
  if (!settings.servers.empty()) return settings;
  const auto system = read_text_file("/etc/resolv.conf");
  return dns::parse_resolv_conf(system ? *system : std::string());
}

std::shared_ptr<Generation> generation_of(const LoadWish& wish, conf::Config config,
                                          ListenResolution resolved) {
  auto generation = std::make_shared<Generation>();
  generation->host = conf::LocalHost(config.server_name, interface_addresses());
  generation->listeners = std::move(resolved.addresses);
  generation->local = std::move(resolved.local);
  generation->session_limits = session_limits_of(config);
  generation->attempt_limits = attempt_limits_of(config);
  generation->connection_limits = {config.smtp.connections_max,
                                   config.smtp.connections_per_address_max};
  generation->resolver = resolver_of(wish, config);
  if (const auto hosts = read_text_file("/etc/hosts"))
    generation->host_file = dns::HostFile::parse(*hosts);
  generation->srs = srs_of(config.srs);
  const auto checks = [](const conf::Listener& listener) {
    return listener.sender_auth.is_checked;
  };
  if (std::ranges::any_of(config.listeners, checks))
    generation->suffixes = std::make_shared<const PublicSuffixes>();
  generation->needs_client_name = tests_client_name(config);
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

conf::ParseInput parse_input(const LoadWish& wish, std::string text) {
  conf::ParseInput input;
  input.path = wish.path;
  input.text = std::move(text);
  input.server_name = wish.server_name.empty() ? host_name() : wish.server_name;
  input.macros = wish.macros;
  input.find_table_program = find_program;
  input.find_service = find_service;
  return input;
}

namespace {

// What a parse leaves beside its result.
class Loading {
 public:
  explicit Loading(const LoadWish& wish) : wish_(wish) {}

  LoadedGeneration run(std::string text, conf::TableKeeper keep, conf::FileReader read) {
    texts_[wish_.path] = text;
    conf::ParseInput input = parse_input(wish_, std::move(text));
    input.check_patterns = [this](std::span<const std::string_view> patterns) {
      return compile(patterns);
    };
    input.keep_table = std::move(keep);
    conf::FileReader reader = [this, &read](const std::string& path) {
      return remember(path, read);
    };
    conf::ParseResult parsed = conf::parse(std::move(input), reader);
    const bool is_refused = !wish_.only_check && conf::refuse_unsupported(parsed.diagnostics);
    LoadedGeneration loaded{nullptr, std::move(parsed.diagnostics)};
    if (parsed.config && !is_refused) finish(std::move(*parsed.config), read, loaded);
    return loaded;
  }

 private:
  std::vector<conf::PatternError> compile(std::span<const std::string_view> patterns) {
    std::vector<conf::PatternError> errors;
    if (patterns.empty()) return errors;  // matches nothing
    if (auto kept = PatternCache(wish_.pattern_cache).find(patterns)) {
      compiled_.emplace(patterns.front().data(), CompiledPatterns(std::move(*kept), true));
      return errors;
    }
    auto database = scan::compile_posix(patterns);
    if (database) {
      compiled_.emplace(patterns.front().data(), CompiledPatterns(std::move(*database)));
      return errors;
    }
    for (scan::PatternError& error : database.error())
      errors.push_back({error.index.value_or(0), std::move(error.text)});
    return errors;
  }

  std::expected<std::string, Fault> remember(const std::string& path, conf::FileReader& read) {
    auto content = read(path);
    if (content) texts_[path] = *content;
    return content;
  }

  void finish(conf::Config config, conf::FileReader& read, LoadedGeneration& loaded) {
    if (wish_.only_check) check_sources(config, loaded.diagnostics);
    ListenResolution resolved = resolve_listeners(config);
    std::ranges::move(resolved.errors, std::back_inserter(loaded.diagnostics));
    const CertificateWish tls{.read = [&](const std::string& path) { return remember(path, read); },
                              .find_key = wish_.find_key,
                              .tickets = wish_.tickets,
                              .known_authorities = wish_.known_authorities,
                              .now = ring::wall_now()};
    CertificateSet certificates = load_certificates(config, tls, loaded.diagnostics);
    make_contexts(config, certificates, tls, resolved.addresses, loaded.diagnostics);
    RelayTls relay_tls = relay_tls_of(config, certificates, tls, loaded.diagnostics);
    SigningKeys signing = load_signing_keys(config, wish_.find_key, loaded.diagnostics);
    if (conf::has_error(loaded.diagnostics)) return;
    loaded.generation = generation_of(wish_, std::move(config), std::move(resolved));
    loaded.generation->certificates = std::move(certificates);
    loaded.generation->relay_tls = std::move(relay_tls);
    loaded.generation->signing = std::move(signing);
    for (const auto& table : loaded.generation->config.tables) {
      texts_.erase(table->path_or_command());
      if (table->size() == 0) continue;
      // The patterns were those of this table: its text lies where it lay.
      const auto compiled = compiled_.find(table->row(0).key.data());
      if (compiled != compiled_.end())
        loaded.generation->patterns.try_emplace(table.get(), std::move(compiled->second));
    }
    loaded.generation->texts = std::move(texts_);
  }

  // A start opens these tables and runs these programs; a check only looks whether it could.
  void check_sources(const conf::Config& config, std::vector<conf::Diagnostic>& diagnostics) const {
    for (const auto& table : config.tables) {
      if (auto problem = problem_of_source(*table))
        diagnostics.push_back(
            mistake(wish_.path, fmt::format("table \"{}\": {}", table->name(), *problem)));
    }
    for (const UsedFilter& used : used_filters(config)) {
      for (const std::string& problem : problems_of_filter(*used.process))
        diagnostics.push_back(config.diagnostic_at(
            used.process->position, conf::Severity::Warning,
            fmt::format("filter process \"{}\": {}", used.process->name, problem)));
    }
  }

  const LoadWish& wish_;
  std::map<std::string, std::string> texts_;
  std::unordered_map<const char*, CompiledPatterns> compiled_;  // by where the first pattern stands
};

}  // namespace

LoadedGeneration load_generation(const LoadWish& wish) {
  auto text = wish.read(wish.path);
  if (!text) return {nullptr, {mistake(wish.path, to_text(text.error()))}};
  return Loading(wish).run(std::move(*text), {}, wish.read);
}

void keep_patterns(const LoadWish& wish, const Generation& generation) {
  const PatternCache cache(wish.pattern_cache);
  for (const auto& [table, compiled] : generation.patterns) {
    if (compiled.from_disk) continue;
    std::vector<std::string_view> patterns;
    for (std::size_t i = 0; i < table->size(); ++i) patterns.push_back(table->row(i).key);
    cache.keep(patterns, compiled.database);
  }
}

LoadedGeneration reload_table(const LoadWish& wish, const Generation& present,
                              const conf::Table& table) {
  const auto keep = [&](std::string_view name, std::string_view path) -> const conf::Table* {
    const conf::Table* const known = present.config.find_table(name);
    return known == &table || known == nullptr || known->path_or_command() != path ? nullptr
                                                                                   : known;
  };
  const auto read = [&](const std::string& path) -> std::expected<std::string, Fault> {
    const auto kept = present.texts.find(path);
    if (kept != present.texts.end()) return kept->second;
    return wish.read(path);
  };
  return Loading(wish).run(present.texts.at(wish.path), keep, read);
}

LoadedGeneration reload_certificates(const LoadWish& wish, const Generation& present) {
  const auto keep = [&](std::string_view name, std::string_view path) -> const conf::Table* {
    const conf::Table* const known = present.config.find_table(name);
    return known == nullptr || known->path_or_command() != path ? nullptr : known;
  };
  const std::vector<std::string> fresh = certificate_files(present.config);
  const auto read = [&](const std::string& path) -> std::expected<std::string, Fault> {
    const auto kept = present.texts.find(path);
    const bool is_kept = kept != present.texts.end() && !std::ranges::binary_search(fresh, path);
    return is_kept ? kept->second : wish.read(path);
  };
  return Loading(wish).run(present.texts.at(wish.path), keep, read);
}

}  // namespace ringpost::mta
