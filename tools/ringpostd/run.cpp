// Configuration, background, server: see run.h.
#include "tools/ringpostd/run.h"

#include <cerrno>
#include <cstdio>
#include <memory>

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/mta/explain.h"
#include "engine/mta/generation_loader.h"
#include "engine/mta/server.h"

namespace ringpost::tools {
namespace {

constexpr std::string_view version = "0.1.0";

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
                                              .helo = options.helo});
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
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, signal);
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

void tell_ready(int pipe_end) {
  if (pipe_end < 0) return;
  const int nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);
  for (const int standard : {0, 1, 2}) dup2(nowhere, standard);
  close(nowhere);
  [[maybe_unused]] const ssize_t told = write(pipe_end, "r", 1);
  close(pipe_end);
}

}  // namespace

int run_daemon(const DaemonOptions& options) {
  const mta::Home home =
      options.home.empty() ? mta::Home::standard() : mta::Home::below(options.home);
  const std::string config_file =
      options.config_file.empty() ? home.config_file : options.config_file;
  const mta::LoadWish wish{
      .path = config_file, .macros = options.macros, .only_check = options.check_only};
  mta::LoadedGeneration loaded = mta::load_generation(wish);
  print(loaded.diagnostics);
  const auto generation = std::move(loaded.generation);
  if (generation == nullptr) return 1;
  if (options.explain) return print_explanation(*options.explain, *generation);
  if (options.check_only) {
    std::fprintf(stderr, "configuration OK\n");
    return 0;
  }
  umask(0077);
  block_signals();
  raise_file_limit();
  int ready_pipe = -1;
  if (!options.foreground) {
    if (generation->config.engine.log_path.empty()) generation->config.engine.log_path = home.log;
    ready_pipe = go_to_background();
  }
  mta::ServerOptions server_options{
      .home = home,
      .config = wish,
      .version = std::string(version),
      .level = options.verbose ? observe::Level::Verbose : observe::Level::Brief};
  auto server = mta::Server::start(std::move(server_options), generation);
  if (!server) {
    std::fprintf(stderr, "ringpostd: %s\n", to_text(server.error()).c_str());
    return 1;
  }
  tell_ready(ready_pipe);
  (*server)->wait();
  return 0;
}

}  // namespace ringpost::tools
