// ParentLink: the engine's end of the socket to the parent. Thread-safe. What waits says so; it is
// for the threads that start and reload.
#pragma once

#include <expected>
#include <mutex>
#include <string>
#include <vector>

#include <sys/socket.h>

#include "engine/process/agent.h"
#include "engine/process/key.h"
#include "engine/process/parent_request.h"
#include "proto/base/fault.h"

namespace ringpost::process {

// Descriptors of the texts of the configuration, as the parent's `read_configuration` wrote them;
// -1: there are none.
struct ConfigurationFiles {
  int newest = -1;   // as they are now
  int adopted = -1;  // as they were last in use, by an engine before this one
};

// To a question: which one of this engine's, so that an answer that came too late is not taken for
// that to the next question.
struct ParentAnswer {
  std::uint32_t question = 0;  // the first is 1
  std::int32_t number = 0;
};

class ParentLink {
 public:
  // Takes over `socket` and `files`. `privileged`: the parent is root, and can make agents of any
  // user. `restarts`: how many engines of this parent have crashed.
  ParentLink(int socket, bool privileged, std::uint64_t restarts = 0,
             const ConfigurationFiles& files = {})
      : socket_(socket), privileged_(privileged), restarts_(restarts), files_(files) {}
  ParentLink(const ParentLink&) = delete;
  ParentLink& operator=(const ParentLink&) = delete;
  ~ParentLink();

  // One end of a new agent's socket, to be closed by the caller, at once: what it cannot do, it
  // says when it gets its first order. EPERM: the parent is not root, and `user` is not us. EINVAL:
  // nobody can be called that, or have that number.
  std::expected<int, Fault> start_agent(const AgentUser& user);

  // What an engine starts with; closed by forget_configurations() or at the end.
  const ConfigurationFiles& configurations() const { return files_; }
  void forget_configurations();
  // The texts of the configuration as they are now, to be closed by the caller. Waits until they
  // have been read; for one thread at a time.
  std::expected<int, Fault> read_configuration();
  // What was read last is what we use: only what it names can be had from the parent from now on,
  // and an engine that follows us falls back to it.
  void adopt_configuration();

  // A socket of datagrams to a new process that speaks PAM (proto/sasl/pam_request.h), to be closed
  // by the caller. It ends at once where there is no such program.
  std::expected<int, Fault> connect_auth();

  // bind(2), done by the parent when we may not. Waits for it.
  std::expected<void, Fault> bind(int socket, const sockaddr* address, socklen_t octets);

  // The parent keeps a copy of a bound socket for the engine that follows us, if we crash.
  void keep_socket(int socket, const sockaddr* address, socklen_t octets, std::uint32_t core);
  // The socket that an engine before us, or the service manager, has left for this place, to be
  // closed by the caller; -1: there is none. Waits for the parent.
  int find_socket(const sockaddr* address, socklen_t octets, std::uint32_t core);
  // Its copies for this address go.
  void drop_socket(const sockaddr* address, socklen_t octets);

  // A program that the configuration names, with these descriptors, which stay the caller's, as its
  // standard input and output. Waits for the parent. E2BIG: there is too much of it. EACCES: it is
  // not in the configuration.
  std::expected<pid_t, Fault> start_program(const std::vector<std::string>& words,
                                            const std::string& name, int input, int output);
  // Kills it with its process group.
  void end_program(pid_t pid);

  struct FilterEnds {
    int socket;  // of its standard input and output
    int errors;  // what it says beside
  };
  // A filter process: our ends of its sockets, to be closed by the caller. What it cannot do, its
  // standard error tells, and the socket ends. Does not wait. E2BIG: there is too much of it;
  // EAGAIN: the parent is behind.
  std::expected<FilterEnds, Fault> start_filter(const StartFilter& request);
  void end_filter(const EndFilter& request);

  // Who waits for the start of the daemon may go on.
  void tell_ready();
  // We end, whatever our exit status will be, and nobody shall take our place.
  void tell_stopping();
  // All cores turn; for the watchdog of the service manager.
  void tell_alive();

  // Has the key process take the private key in the file at `path`, which the parent opens when the
  // configuration names it. Blocks: for threads that load a configuration. The error is a sentence
  // for the operator that names the path.
  std::expected<LoadedKey, std::string> load_key(const std::string& path);
  // One end of a new connection to the key process, to be closed by the caller; it ends at once
  // when no key was ever loaded. Does not block.
  std::expected<int, Fault> connect_keys();
  // The engine gets SIGUSR1 when a file that is watched, or one of a key, has changed; only for
  // what the configuration names. Blocks only while the parent is behind; for threads that load.
  void watch_file(const std::string& path);
  // Keys that were loaded last, and files that were watched last, before `before` are of no use any
  // more; keys stay for an hour.
  void forget_files(Instant before);

  bool privileged() const { return privileged_; }
  std::uint64_t restarts() const { return restarts_; }

 private:
  std::expected<int, Fault> request_with_socket(std::string_view request, int type = SOCK_STREAM);
  std::expected<void, Fault> send_when_possible(const ParentRequest& request, int file, int second);
  void tell(const ParentRequest& request, int file = -1);
  struct NumberAndFile {
    int number;
    int file;
  };
  std::expected<NumberAndFile, Fault> ask(const ParentRequest& request, int file, int second);

  int socket_;
  bool privileged_;
  std::uint64_t restarts_;
  ConfigurationFiles files_;
  std::mutex answer_lock_;  // one question with an answer at a time
  std::uint32_t questions_ = 0;
};

}  // namespace ringpost::process
