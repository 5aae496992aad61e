// The life of the key process: see keys_main.h. One thread for orders, one for each connection of a
// core: a signature by RSA takes about a millisecond, and one core must not wait for another's.
#include "engine/process/keys_main.h"

#include <atomic>
#include <cerrno>
#include <csignal>
#include <thread>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <pwd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/process/confinement.h"
#include "engine/process/content.h"
#include "engine/process/descriptor_passing.h"
#include "engine/process/frame_reader.h"
#include "engine/process/key_frame.h"
#include "engine/process/key_store.h"
#include "engine/process/rights.h"
#include "engine/ring/clock.h"

namespace ringpost::process {
namespace {

constexpr int connections_max = 1024;
constexpr int expiry_step_ms = 60'000;
constexpr Duration replies_held_max = microseconds(100);

// Keys must not be written to a swap device or into a dump. Locking is best effort: without root it
// is bounded.
void raise_lock_limit() {
  const rlimit locked{RLIM_INFINITY, RLIM_INFINITY};
  setrlimit(RLIMIT_MEMLOCK, &locked);
}

void hide_memory() {
  const rlimit none{};
  setrlimit(RLIMIT_CORE, &none);
  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT);
}

// It writes no file, and needs a descriptor for each core and a few more.
std::expected<void, std::string> confine() {
  const rlimit files{connections_max + 64, connections_max + 64};
  setrlimit(RLIMIT_NOFILE, &files);
  const rlimit none{};
  setrlimit(RLIMIT_FSIZE, &none);
  // Landlock is not everywhere; without it seccomp alone keeps files from being opened.
  if (const auto paths = confine_paths({}); !paths)
    return std::unexpected("key process: " + to_text(paths.error()));
  if (const auto calls = confine_calls(CallSet::Keys); !calls)
    return std::unexpected("key process: " + to_text(calls.error()));
  return {};
}

// Whom the process is to become, which nothing has been done for.
std::expected<Identity, std::string> find_keys_user(const std::string& name) {
  const std::string_view remedy = "name another one with `engine keys-user NAME`";
  if (geteuid() != 0) return Identity{geteuid(), getegid(), {}};
  const passwd* const entry = getpwnam(name.c_str());
  if (entry == nullptr)
    return std::unexpected(
        fmt::format("there is no user {0} to keep private keys; make it with `useradd --system "
                    "--no-create-home --home-dir / --shell /usr/sbin/nologin {0}`, or {1}",
                    name, remedy));
  if (entry->pw_uid == 0)
    return std::unexpected(fmt::format("keys-user {} must not be root: {}", name, remedy));
  return Identity{entry->pw_uid, entry->pw_gid, {entry->pw_gid}};
}

class KeyServer {
 public:
  KeyServer(int socket, pid_t parent) : socket_(socket), parent_(parent) {}

  void run() {
    std::array<std::byte, key_order_octets_max> room;
    while (true) {
      pollfd wait{socket_, POLLIN, 0};
      poll(&wait, 1, expiry_step_ms);
      store_.expire(ring::monotonic_now());
      if (wait.revents == 0) continue;
      const auto received = receive_with_descriptor(socket_, room);
      if (!received) continue;
      if (received->octets == 0) return;
      const auto order = decode_key_order(Bytes(room).first(received->octets));
      if (order) carry_out(*order, *received);
      for (const int file : {received->file, received->second})
        if (file >= 0) close(file);
    }
  }

 private:
  // What it keeps of the descriptors it takes out of `received`.
  void carry_out(const KeyOrder& order, ReceivedDatagram received) {
    if (const auto* take = std::get_if<TakeKey>(&order)) {
      take_key(*take, received);
    } else if (const auto* forget = std::get_if<ForgetKeys>(&order)) {
      store_.forget(forget->before, ring::monotonic_now());
    } else if (received.file >= 0 && usable_) {
      serve(fcntl(received.file, F_DUPFD_CLOEXEC, 3));
    }
  }

  void take_key(const TakeKey& order, const ReceivedDatagram& received) {
    const KeyAnswer answer = load(order, received.file);
    if (received.second >= 0) [[maybe_unused]]
      const auto told = send_with_descriptor(received.second, encode(answer), -1);
  }

  // Once, but for a user who is still to be made. What fails after that fails for good: this
  // process holds nothing then, and says why.
  void become_usable(const std::string& user) {
    const auto identity = find_keys_user(user);
    if (!identity) {
      usable_ = std::unexpected(identity.error());
      return;
    }
    is_somebody_ = true;
    readers_ = key_readers(identity->gid);  // while files can be opened
    if (const auto done = become(*identity); !done) {
      usable_ = std::unexpected(
          fmt::format("keys cannot be kept as {}: {}", user, to_text(done.error())));
      return;
    }
    hide_memory();
    if (!die_with_parent(parent_)) _exit(1);
    usable_ = confine();
  }

  KeyAnswer load(const TakeKey& order, int file) {
    if (!is_somebody_) become_usable(order.user);
    if (!usable_) return std::unexpected(usable_.error());
    auto key = PrivateKey::read(file, order.path, readers_);
    if (!key) return std::unexpected(key.error());
    const LoadedKey facts = key->facts();
    if (!store_.add(std::move(*key), ring::monotonic_now()))
      return std::unexpected(order.path + ": there are too many private keys");
    return facts;
  }

  void serve(int connection) {
    if (connection < 0) return;
    if (connections_ >= connections_max) {
      close(connection);
      return;
    }
    ++connections_;
    std::thread([this, connection] {
      converse(connection);
      close(connection);
      --connections_;
    }).detach();
  }

  void converse(int connection) {
    FrameReader frames(connection, sign_request_octets_max);
    std::string payload, replies;
    Instant held_since{};
    while (frames.next(payload)) {
      if (replies.empty()) held_since = ring::monotonic_now();
      const auto request = decode_sign_request(bytes_of(payload));
      if (!request) break;
      auto signature = store_.sign(request->key, request->scheme, bytes_of(request->input));
      SignReply reply{request->id, 0, {}};
      if (signature) {
        reply.signature = std::move(*signature);
      } else {
        reply.error = signature.error();
      }
      replies += reply_frame(reply);
      // Signatures that take no longer than a reply on its own share one.
      if (frames.has_more() && ring::monotonic_now() - held_since < replies_held_max) continue;
      if (!write_frame(connection, replies)) return;
      replies.clear();
    }
    [[maybe_unused]] const bool done = write_frame(connection, replies);
  }

  int socket_;
  pid_t parent_;
  bool is_somebody_ = false;
  std::vector<gid_t> readers_;
  std::expected<void, std::string> usable_ = std::unexpected<std::string>("there is no key yet");
  KeyStore store_;
  std::atomic<int> connections_{0};
};

}  // namespace

void serve_keys(int socket, pid_t parent) {
  setsid();
  prctl(PR_SET_NAME, "ringpost-keys", 0, 0, 0);
  umask(077);
  signal(SIGPIPE, SIG_IGN);
  raise_lock_limit();
  if (die_with_parent(parent)) KeyServer(socket, parent).run();
}

}  // namespace ringpost::process
