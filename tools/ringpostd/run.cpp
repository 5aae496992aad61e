// Configuration, background, server: see run.h.
#include "tools/ringpostd/run.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <utility>

#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/mta/configuration_bundle.h"
#include "engine/mta/engine_user.h"
#include "engine/mta/explain.h"
#include "engine/mta/generation_loader.h"
#include "engine/mta/server.h"
#include "engine/process/key_file.h"
#include "engine/process/notify.h"
#include "engine/process/parent.h"
#include "engine/process/parent_confinement.h"
#include "engine/process/standard_descriptors.h"
#include "engine/ring/clock.h"

namespace ringpost::tools {
namespace {

constexpr std::string_view version = "0.1.0";
// Its leak check makes a process that looks into this one, which no filter of ours lets through.
constexpr bool is_sanitized = __has_feature(address_sanitizer);

void print(const std::vector<conf::Diagnostic>& diagnostics) {
  for (const conf::Diagnostic& diagnostic : diagnostics)
    std::fprintf(stderr, "%s\n", conf::to_text_with_caret(diagnostic).c_str());
}

int print_explanation(const ExplainOptions& options, mta::Generation& generation) {
  const auto text = mta::explain(generation, {.sender = options.sender,
                                              .recipient = options.recipient,
                                              .client = conf::parse_net_address(options.client),
                                              .user = options.user,
                                              .tag = options.tag,
                                              .helo = options.helo,
                                              .client_name = options.client_name});
  if (!text) {
    std::fprintf(stderr, "ringpostd: %s\n", text.error().c_str());
    return 1;
  }
  std::fputs(text->c_str(), stdout);
  return 0;
}

void block_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGUSR1}) sigaddset(&signals, signal);
  sigprocmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);
}

// Connections are descriptors: as many as the system allows this process.
void raise_file_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

// The parent of the background daemon waits here for one octet that says "ready"; without it the
// start failed.
int wait_until_ready(int pipe_end) {
  char ready = 0;
  ssize_t got = 0;
  do {
    got = read(pipe_end, &ready, 1);
  } while (got < 0 && errno == EINTR);
  return got == 1 ? 0 : 1;
}

// Leaves the terminal. Returns the pipe on which readiness is told, or -1 in the foreground; the
// parent exits.
int go_to_background() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) {
    std::perror("ringpostd: pipe");
    _exit(1);
  }
  const pid_t child = fork();
  if (child < 0) {
    std::perror("ringpostd: fork");
    _exit(1);
  }
  if (child > 0) {
    close(ends[1]);
    _exit(wait_until_ready(ends[0]));
  }
  close(ends[0]);
  setsid();
  return ends[1];
}

struct EngineWish {
  mta::Home home;
  mta::LoadWish config;
  bool foreground;
  bool verbose;
};

std::shared_ptr<mta::Generation> load(const EngineWish& wish) {
  mta::LoadedGeneration loaded = mta::load_generation(wish.config);
  print(loaded.diagnostics);
  return std::move(loaded.generation);
}

// For a check: what was read of the key is gone when this process ends.
std::expected<process::LoadedKey, std::string> facts_of_key(const std::string& path,
                                                            const std::string& keys_user) {
  const passwd* const holder = geteuid() == 0 ? getpwnam(keys_user.c_str()) : nullptr;
  const auto key = process::PrivateKey::open(
      path, process::key_readers(holder != nullptr ? holder->pw_gid : getegid()));
  if (!key) return std::unexpected(key.error());
  return key->facts();
}

// -n and --explain: nothing is started.
int check(const DaemonOptions& options, EngineWish wish) {
  wish.config.find_key = facts_of_key;
  const auto generation = load(wish);
  if (generation == nullptr) return 1;
  if (options.explain) return print_explanation(*options.explain, *generation);
  std::fprintf(stderr, "configuration OK\n");
  return 0;
}

using Amend = void (*)(mta::ConfigurationBundle&, const mta::LoadWish&);

std::shared_ptr<mta::Generation> load_from(int texts, EngineWish wish, Amend amend = nullptr) {
  auto bundle = mta::read_bundle(texts);
  if (!bundle) {
    std::fprintf(stderr, "ringpostd: %s\n", to_text(bundle.error()).c_str());
    return nullptr;
  }
  if (amend != nullptr) amend(*bundle, wish.config);
  wish.config.read = mta::reader_of(std::move(*bundle));
  return load(wish);
}

// The configuration as it is now; for an engine that takes the place of one that crashed, when
// there is a mistake in it, as it was last in use: whoever edits it must not end the service.
// Certificates are read as they are now even then: they must go with the keys. True: as it is now.
std::pair<std::shared_ptr<mta::Generation>, bool> load_for_engine(const EngineWish& wish,
                                                                  process::ParentLink& parent) {
  const auto [newest, adopted] = parent.configurations();
  std::shared_ptr<mta::Generation> generation;
  bool is_newest = false;
  if (newest >= 0) {
    generation = load_from(newest, wish);
    is_newest = generation != nullptr;
  }
  if (!is_newest && adopted >= 0) {
    process::tell_operator(
        "the configuration cannot be used: the engine goes on with the one that was in use before");
    generation = load_from(adopted, wish, mta::forget_certificates);
  }
  parent.forget_configurations();
  return {std::move(generation), is_newest};
}

// The engine, in its own process: reads the configuration with the rights it was started with, and
// gives them up before it serves.
int run_engine(EngineWish wish, process::ParentLink& parent) {
  prctl(PR_SET_NAME, "ringpost-engine", 0, 0, 0);
  wish.config.find_key = [&parent](const std::string& path, const std::string&) {
    return parent.load_key(path);
  };
  // Not those that were made with the wish: the parent keeps these, and would give them to every
  // engine that it makes anew.
  wish.config.tickets = std::make_shared<tls::TicketKeys>();
  wish.config.pattern_cache = wish.home.spool + "/patterns";
  const Instant began = ring::monotonic_now();
  const auto [generation, is_newest] = load_for_engine(wish, parent);
  if (generation == nullptr) return 1;
  conf::EngineSettings& settings = generation->config.engine;
  if (!wish.foreground && settings.log_path.empty()) settings.log_path = wish.home.log;
  if (auto became = mta::become_engine_user(wish.home, generation->config); !became) {
    std::fprintf(stderr, "ringpostd: %s\n", became.error().c_str());
    return 1;
  }
  const auto confined = mta::confine_engine(wish.home, generation->config);
  if (!confined) {
    std::fprintf(stderr, "ringpostd: %s\n", confined.error().c_str());
    return 1;
  }
  if (!*confined)
    std::fprintf(stderr,
                 "ringpostd: this kernel has no Landlock: the engine may write whatever "
                 "its user may\n");
  mta::ServerOptions server_options{
      .home = wish.home,
      .config = wish.config,
      .version = std::string(version),
      .parent = &parent,
      .adopts = is_newest,
      .confined = !is_sanitized,
      .level = wish.verbose ? observe::Level::Verbose : observe::Level::Brief};
  auto server = mta::Server::start(std::move(server_options), generation);
  if (!server) {
    std::fprintf(stderr, "ringpostd: %s\n", to_text(server.error()).c_str());
    return 1;
  }
  if (!wish.foreground) process::leave_standard_descriptors();
  parent.forget_files(began);  // what only an engine before this one has named
  parent.tell_ready();
  (*server)->wait();
  return 0;
}

}  // namespace

int run_daemon(const DaemonOptions& options) {
  EngineWish wish{
      .home = options.home.empty() ? mta::Home::standard() : mta::Home::below(options.home),
      .config = {.path = options.config_file,
                 .macros = options.macros,
                 .resolver = options.resolver,
                 .only_check = options.check_only},
      .foreground = options.foreground,
      .verbose = options.verbose};
  if (wish.config.path.empty()) wish.config.path = wish.home.config_file;
  if (options.check_only || options.explain) return check(options, wish);
  process::fill_standard_descriptors();
  umask(0077);
  block_signals();
  raise_file_limit();  // the parent keeps as many listening sockets as the engine has
  process::ParentOptions parent_options;
  if (!options.foreground) parent_options.ready_pipe = go_to_background();
  // For developers, who want core files, and to look into processes that are not theirs.
  if (std::getenv("RINGPOST_CORES") == nullptr && !is_sanitized) process::hide_processes();
  if (const auto confined = process::confine_parent(!is_sanitized); !confined) {
    std::fprintf(stderr, "ringpostd: cannot confine the parent: %s\n",
                 to_text(confined.error()).c_str());
    return 1;
  }
  parent_options.read_configuration = [&wish](int texts, int permissions) {
    return mta::write_configuration(wish.config, texts, permissions);
  };
  return process::run_parent(parent_options, [&wish](std::unique_ptr<process::ParentLink> parent) {
    return run_engine(wish, *parent);
  });
}

}  // namespace ringpost::tools
