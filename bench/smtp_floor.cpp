// The floor Ringpost is measured against: the least that a durable SMTP receiver can do on
// io_uring. It finds line ends and the final dot, writes what came into a pre-written segment
// (O_DIRECT, RWF_DSYNC, one write in flight per thread) and answers after the write. No checks, no
// addresses, no recovery: never let real mail near it.
#include <atomic>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <fcntl.h>
#include <getopt.h>
#include <liburing.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

constexpr unsigned receive_buffers = 2048;  // a power of two, as the kernel asks
constexpr std::size_t receive_buffer_bytes = 8192;
constexpr std::size_t batch_bytes = 4u << 20;
constexpr std::size_t segment_bytes = 64u << 20;
constexpr std::size_t block_bytes = 4096;
constexpr int buffer_group = 0;
constexpr std::string_view end_of_data = "\n.\r\n";

struct Settings {
  std::uint16_t port = 2599;
  unsigned threads = std::max(1u, std::thread::hardware_concurrency());
  std::string folder = ".";
  bool store = true;
  long seconds = 0;  // 0: until SIGTERM or SIGINT
};

std::atomic<bool> stop{false};
std::atomic<std::uint64_t> messages_total{0};

void require(bool condition, const char* what, int code = errno) {
  if (condition) return;
  std::fprintf(stderr, "smtp_floor: %s: %s\n", what, std::strerror(code));
  std::exit(1);
}

enum class Kind : std::uint64_t { Accept, Receive, Send, Write, Ignore };

struct Connection {
  int file = -1;
  std::uint32_t index = 0;
  bool in_data = false;
  bool receiving = false;
  bool sending = false;
  bool closing = false;
  unsigned commits_awaited = 0;
  unsigned matched = 0;   // octets of end_of_data seen so far
  std::string line;       // the start of a command line that was cut
  std::string held;       // replies to commands that came after a message which is not written yet
  std::string out;        // replies to be sent
  std::string in_flight;  // replies the kernel is sending; must not move
};

struct Batch {
  std::byte* octets = nullptr;
  std::size_t size = 0;
  std::vector<std::uint32_t> waiting;  // connections whose message ends in this batch
};

std::byte* map_pages(std::size_t size) {
  void* at = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  require(at != MAP_FAILED, "mmap");
  return static_cast<std::byte*>(at);
}

int listen_on(std::uint16_t port) {
  const int file = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  require(file >= 0, "socket");
  const int on = 1;
  require(setsockopt(file, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0, "SO_REUSEADDR");
  require(setsockopt(file, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) == 0, "SO_REUSEPORT");
  require(setsockopt(file, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0, "TCP_NODELAY");
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  require(bind(file, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0, "bind");
  require(listen(file, 4096) == 0, "listen");
  return file;
}

// A segment whose blocks are all written, so that a later synchronous write changes no metadata.
int prepare_segment(const std::string& path) {
  const int file = open(path.c_str(), O_CREAT | O_RDWR | O_DIRECT | O_CLOEXEC, 0600);
  require(file >= 0, path.c_str());
  std::byte* const zeros = map_pages(batch_bytes);
  for (std::size_t at = 0; at < segment_bytes; at += batch_bytes) {
    const ssize_t written = pwrite(file, zeros, batch_bytes, static_cast<off_t>(at));
    require(written == static_cast<ssize_t>(batch_bytes), "writing the segment");
  }
  require(fdatasync(file) == 0, "fdatasync");
  munmap(zeros, batch_bytes);
  return file;
}

class Worker {
 public:
  Worker(const Settings& settings, unsigned number);
  void run();

 private:
  io_uring_sqe* entry(Kind kind, std::uint32_t index);
  void provide(unsigned id);
  void arm_accept();
  void arm_receive(Connection& connection);
  void completed(const io_uring_cqe& cqe);
  void accepted(const io_uring_cqe& cqe);
  void received(Connection& connection, const io_uring_cqe& cqe);
  void sent(Connection& connection, int result);
  void written(int result);

  void consume(Connection& connection, std::string_view octets);
  std::size_t consume_command(Connection& connection, std::string_view octets);
  std::size_t consume_content(Connection& connection, std::string_view octets);
  void command(Connection& connection, std::string_view line);
  static void reply(Connection& connection, std::string_view text);
  void message_ended(Connection& connection);
  void keep(std::string_view octets);
  void start_write();
  void flush(Connection& connection);
  void close_when_done(Connection& connection);

  const Settings& settings_;
  io_uring ring_{};
  io_uring_buf_ring* buffers_ = nullptr;
  std::byte* buffer_memory_ = nullptr;
  int listener_ = -1;
  int segment_ = -1;
  std::size_t segment_at_ = 0;
  std::vector<std::unique_ptr<Connection>> connections_;
  std::vector<std::uint32_t> free_connections_;
  std::deque<Batch> batches_;  // front: being written when writing_; back: being filled
  std::vector<std::byte*> free_batches_;
  bool writing_ = false;
  std::uint64_t messages_ = 0;
};

Worker::Worker(const Settings& settings, unsigned number) : settings_(settings) {
  io_uring_params parameters{};
  parameters.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE;
  parameters.cq_entries = 16384;
  const int error = io_uring_queue_init_params(4096, &ring_, &parameters);
  require(error == 0, "io_uring_queue_init", -error);
  require(io_uring_register_ring_fd(&ring_) == 1, "io_uring_register_ring_fd");

  buffers_ =
      reinterpret_cast<io_uring_buf_ring*>(map_pages(receive_buffers * sizeof(io_uring_buf)));
  io_uring_buf_reg registration{};
  registration.ring_addr = reinterpret_cast<std::uintptr_t>(buffers_);
  registration.ring_entries = receive_buffers;
  registration.bgid = buffer_group;
  const int refused = io_uring_register_buf_ring(&ring_, &registration, 0);
  require(refused == 0, "io_uring_register_buf_ring", -refused);
  io_uring_buf_ring_init(buffers_);
  buffer_memory_ = map_pages(receive_buffers * receive_buffer_bytes);
  for (unsigned id = 0; id < receive_buffers; ++id) provide(id);

  listener_ = listen_on(settings.port);
  if (settings.store)
    segment_ = prepare_segment(settings.folder + "/floor-segment-" + std::to_string(number));
}

io_uring_sqe* Worker::entry(Kind kind, std::uint32_t index) {
  io_uring_sqe* sqe = io_uring_get_sqe(&ring_);
  if (sqe == nullptr) {
    io_uring_submit(&ring_);
    sqe = io_uring_get_sqe(&ring_);
    require(sqe != nullptr, "io_uring_get_sqe", ENOMEM);
  }
  std::memset(sqe, 0, sizeof *sqe);
  sqe->user_data = static_cast<std::uint64_t>(kind) << 32 | index;
  return sqe;
}

// The io_uring_prep_* calls leave user_data as it was, so entry() may set it first.
void Worker::provide(unsigned id) {
  io_uring_buf_ring_add(buffers_, buffer_memory_ + id * receive_buffer_bytes, receive_buffer_bytes,
                        static_cast<unsigned short>(id), receive_buffers - 1, 0);
  io_uring_buf_ring_advance(buffers_, 1);
}

void Worker::arm_accept() {
  io_uring_prep_multishot_accept(entry(Kind::Accept, 0), listener_, nullptr, nullptr, SOCK_CLOEXEC);
}

void Worker::arm_receive(Connection& connection) {
  io_uring_sqe* sqe = entry(Kind::Receive, connection.index);
  io_uring_prep_recv_multishot(sqe, connection.file, nullptr, 0, 0);
  sqe->flags |= IOSQE_BUFFER_SELECT;
  sqe->buf_group = buffer_group;
  connection.receiving = true;
}

void Worker::run() {
  arm_accept();
  while (!stop.load(std::memory_order_relaxed)) {
    __kernel_timespec limit{.tv_sec = 0, .tv_nsec = 100'000'000};
    io_uring_cqe* first = nullptr;
    io_uring_submit_and_wait_timeout(&ring_, &first, 1, &limit, nullptr);
    unsigned head = 0;
    unsigned seen = 0;
    io_uring_cqe* cqe = nullptr;
    io_uring_for_each_cqe(&ring_, head, cqe) {
      const io_uring_cqe copy = *cqe;
      completed(copy);
      ++seen;
    }
    io_uring_cq_advance(&ring_, seen);
    start_write();
  }
  messages_total += messages_;
  io_uring_queue_exit(&ring_);
}

void Worker::completed(const io_uring_cqe& cqe) {
  const auto index = static_cast<std::uint32_t>(cqe.user_data);
  switch (static_cast<Kind>(cqe.user_data >> 32)) {
    case Kind::Accept:
      return accepted(cqe);
    case Kind::Receive:
      return received(*connections_[index], cqe);
    case Kind::Send:
      return sent(*connections_[index], cqe.res);
    case Kind::Write:
      return written(cqe.res);
    case Kind::Ignore:
      return;
  }
}

void Worker::accepted(const io_uring_cqe& cqe) {
  if ((cqe.flags & IORING_CQE_F_MORE) == 0) arm_accept();
  if (cqe.res < 0) return;
  if (free_connections_.empty()) {
    free_connections_.push_back(static_cast<std::uint32_t>(connections_.size()));
    connections_.push_back(std::make_unique<Connection>());
  }
  const std::uint32_t index = free_connections_.back();
  free_connections_.pop_back();
  Connection& connection = *connections_[index];
  connection = Connection{};
  connection.file = cqe.res;
  connection.index = index;
  connection.out = "220 floor ESMTP\r\n";
  arm_receive(connection);
  flush(connection);
}

void Worker::received(Connection& connection, const io_uring_cqe& cqe) {
  if ((cqe.flags & IORING_CQE_F_MORE) == 0) connection.receiving = false;
  if (cqe.res > 0) {
    const unsigned id = cqe.flags >> IORING_CQE_BUFFER_SHIFT;
    const std::byte* start = buffer_memory_ + id * receive_buffer_bytes;
    consume(connection, {reinterpret_cast<const char*>(start), static_cast<std::size_t>(cqe.res)});
    provide(id);
  } else if (cqe.res != -ENOBUFS) {
    connection.closing = true;
  }
  if (!connection.receiving && !connection.closing) arm_receive(connection);
  flush(connection);
  close_when_done(connection);
}

void Worker::consume(Connection& connection, std::string_view octets) {
  while (!octets.empty() && !connection.closing)
    octets.remove_prefix(connection.in_data ? consume_content(connection, octets)
                                            : consume_command(connection, octets));
}

std::size_t Worker::consume_command(Connection& connection, std::string_view octets) {
  const std::size_t end = octets.find('\n');
  if (end == std::string_view::npos) {
    connection.line += octets;
    return octets.size();
  }
  if (connection.line.empty()) {
    command(connection, octets.substr(0, end));
  } else {
    connection.line += octets.substr(0, end);
    command(connection, connection.line);
    connection.line.clear();
  }
  return end + 1;
}

void Worker::reply(Connection& connection, std::string_view text) {
  (connection.commits_awaited > 0 ? connection.held : connection.out) += text;
}

void Worker::command(Connection& connection, std::string_view line) {
  switch (line.empty() ? '\0' : line.front() & ~0x20) {
    case 'E':
      return reply(connection, "250-floor\r\n250-PIPELINING\r\n250 SIZE 0\r\n");
    case 'H':
    case 'M':
    case 'R':
    case 'N':
      return reply(connection, "250 2.0.0 Ok\r\n");
    case 'D':
      connection.in_data = true;
      connection.matched = 1;  // the line end of DATA itself
      return reply(connection, "354 Go\r\n");
    case 'Q':
      connection.closing = true;
      return reply(connection, "221 2.0.0 Bye\r\n");
    default:
      return reply(connection, "500 5.5.2 What\r\n");
  }
}

std::size_t Worker::consume_content(Connection& connection, std::string_view octets) {
  std::size_t at = 0;
  while (at < octets.size() && connection.matched < end_of_data.size()) {
    if (connection.matched == 0) {
      const std::size_t feed = octets.find('\n', at);
      if (feed == std::string_view::npos) {
        at = octets.size();
        break;
      }
      at = feed + 1;
      connection.matched = 1;
    } else if (octets[at] == end_of_data[connection.matched]) {
      ++at;
      ++connection.matched;
    } else {
      connection.matched = 0;
    }
  }
  if (settings_.store) keep(octets.substr(0, at));
  if (connection.matched == end_of_data.size()) message_ended(connection);
  return at;
}

void Worker::message_ended(Connection& connection) {
  ++messages_;
  connection.in_data = false;
  connection.matched = 0;
  if (!settings_.store) return reply(connection, "250 2.0.0 Ok\r\n");
  batches_.back().waiting.push_back(connection.index);
  ++connection.commits_awaited;
}

// Appends to the batch that is being filled, and opens another one where it is full or being
// written.
void Worker::keep(std::string_view octets) {
  while (!octets.empty()) {
    const bool none = batches_.empty() || (writing_ && batches_.size() == 1);
    if (none || batches_.back().size == batch_bytes) {
      if (free_batches_.empty()) free_batches_.push_back(map_pages(batch_bytes));
      batches_.push_back({.octets = free_batches_.back(), .size = 0, .waiting = {}});
      free_batches_.pop_back();
    }
    Batch& batch = batches_.back();
    const std::size_t part = std::min(octets.size(), batch_bytes - batch.size);
    std::memcpy(batch.octets + batch.size, octets.data(), part);
    batch.size += part;
    octets.remove_prefix(part);
  }
}

void Worker::start_write() {
  if (writing_ || batches_.empty()) return;
  const Batch& batch = batches_.front();
  const std::size_t size = (batch.size + block_bytes - 1) / block_bytes * block_bytes;
  if (segment_at_ + size > segment_bytes) segment_at_ = 0;
  io_uring_sqe* sqe = entry(Kind::Write, 0);
  io_uring_prep_write(sqe, segment_, batch.octets, static_cast<unsigned>(size), segment_at_);
  sqe->rw_flags = RWF_DSYNC;
  segment_at_ += size;
  writing_ = true;
}

void Worker::written(int result) {
  const Batch batch = std::move(batches_.front());
  require(result >= static_cast<int>(batch.size), "write", result < 0 ? -result : EIO);
  batches_.pop_front();
  free_batches_.push_back(batch.octets);
  writing_ = false;
  for (const std::uint32_t index : batch.waiting) {
    Connection& connection = *connections_[index];
    --connection.commits_awaited;
    connection.out += "250 2.0.0 Ok\r\n";
    if (connection.commits_awaited == 0) connection.out += std::exchange(connection.held, {});
    flush(connection);
    close_when_done(connection);
  }
}

void Worker::flush(Connection& connection) {
  if (connection.sending || connection.file < 0) return;
  if (connection.in_flight.empty()) connection.in_flight.swap(connection.out);
  if (connection.in_flight.empty()) return;
  io_uring_prep_send(entry(Kind::Send, connection.index), connection.file,
                     connection.in_flight.data(), connection.in_flight.size(), MSG_NOSIGNAL);
  connection.sending = true;
}

void Worker::sent(Connection& connection, int result) {
  connection.sending = false;
  if (result < 0) {
    connection.closing = true;
    connection.in_flight.clear();
    connection.out.clear();
  } else {
    connection.in_flight.erase(0, static_cast<std::size_t>(result));
  }
  flush(connection);
  close_when_done(connection);
}

// A closing connection is shut down first: a close alone would leave the armed receive holding the
// socket.
void Worker::close_when_done(Connection& connection) {
  if (!connection.closing || connection.sending || connection.commits_awaited > 0) return;
  if (connection.file < 0) return;
  if (connection.receiving) {
    shutdown(connection.file, SHUT_RDWR);
    return;
  }
  close(connection.file);
  connection.file = -1;
  free_connections_.push_back(connection.index);
}

[[noreturn]] void usage() {
  std::fprintf(
      stderr,
      "usage: smtp_floor [--port N] [--threads N] [--file DIR | --no-store] [--seconds N]\n"
      "listens on 127.0.0.1 and throws mail away; stops at SIGTERM or after --seconds\n");
  std::exit(2);
}

long number_of(const char* text, long max) {
  long value = 0;
  const char* const last = text + std::strlen(text);
  const auto [end, error] = std::from_chars(text, last, value);
  if (error != std::errc{} || end != last || value < 0 || value > max) usage();
  return value;
}

Settings settings_of(int count, char** arguments) {
  static const option options[] = {
      {"port", required_argument, nullptr, 'p'},    {"threads", required_argument, nullptr, 't'},
      {"file", required_argument, nullptr, 'f'},    {"no-store", no_argument, nullptr, 'n'},
      {"seconds", required_argument, nullptr, 's'}, {nullptr, 0, nullptr, 0}};
  Settings settings;
  for (int found; (found = getopt_long(count, arguments, "", options, nullptr)) != -1;) {
    switch (found) {
      case 'p':
        settings.port = static_cast<std::uint16_t>(number_of(optarg, 65535));
        break;
      case 't':
        settings.threads = static_cast<unsigned>(number_of(optarg, 256));
        break;
      case 'f':
        settings.folder = optarg;
        break;
      case 'n':
        settings.store = false;
        break;
      case 's':
        settings.seconds = number_of(optarg, 86400);
        break;
      default:
        usage();
    }
  }
  if (optind != count || settings.threads == 0) usage();
  return settings;
}

// Waits for SIGTERM or SIGINT, or for the time to pass.
void wait_for_the_end(const sigset_t& signals, long seconds) {
  if (seconds == 0) {
    sigwaitinfo(&signals, nullptr);
    return;
  }
  const timespec limit{.tv_sec = seconds, .tv_nsec = 0};
  sigtimedwait(&signals, nullptr, &limit);
}

double seconds_of(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

}  // namespace

int main(int count, char** arguments) {
  const Settings settings = settings_of(count, arguments);
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::vector<std::thread> threads;
  for (unsigned number = 0; number < settings.threads; ++number)
    threads.emplace_back([&settings, number] { Worker(settings, number).run(); });
  wait_for_the_end(signals, settings.seconds);
  stop = true;
  for (std::thread& thread : threads) thread.join();
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  const double cpu = seconds_of(used.ru_utime) + seconds_of(used.ru_stime);
  const auto messages = messages_total.load();
  std::printf("messages %lu cpu %.3f s, %.1f us per message\n",
              static_cast<unsigned long>(messages), cpu,
              messages == 0 ? 0.0 : cpu * 1e6 / static_cast<double>(messages));
  return 0;
}
