// The writer thread: drains the rings, sleeps while they are empty, never lets a core wait for it.
// A pipe that nobody reads stalls this thread alone; at the end it is given flush_max and then
// abandoned.
#include "engine/observe/event_log.h"

#include <algorithm>
#include <cerrno>
#include <ctime>

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/ring/clock.h"
#include "engine/ring/quiet_thread.h"
#include "proto/base/check.h"

namespace ringpost::observe {
namespace {

// A pipe that polls as writable takes at least this much without blocking (pipe(7), PIPE_BUF).
constexpr std::size_t pipe_write_octets_max = 4096;

// Lines that come close together leave in one write, and a busy core wakes the writer at most this
// often.
constexpr int gather_ms = 5;

std::expected<int, Fault> open_file(const std::string& path) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0640);
  if (file < 0) return std::unexpected(Fault{"open", errno, path});
  return file;
}

bool is_regular(int file) {
  struct stat status{};
  return fstat(file, &status) == 0 && S_ISREG(status.st_mode);
}

std::uint64_t lines_in(std::span<const char> octets) {
  return static_cast<std::uint64_t>(std::ranges::count(octets, '\n'));
}

}  // namespace

EventSink::EventSink(EventLog& owner, unsigned core, std::size_t ring_octets)
    : owner_(owner), core_(core), ring_(ring_octets) {}

void EventSink::push(std::string_view line) {
  if (!ring_.push(line)) return;
  // Either this core sees that the writer sleeps, or the writer sees this line before it does.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (!owner_.writer_sleeps_.load(std::memory_order_relaxed)) return;
  if (owner_.writer_sleeps_.exchange(false, std::memory_order_relaxed)) owner_.wake();
}

std::expected<std::unique_ptr<EventLog>, Fault> EventLog::open(EventLogOptions options) {
  int file = options.descriptor;
  if (!options.path.empty()) {
    const auto opened = open_file(options.path);
    if (!opened) return std::unexpected(opened.error());
    file = *opened;
  }
  std::unique_ptr<EventLog> log(new EventLog(std::move(options)));
  log->file_ = file;
  log->regular_ = is_regular(file);
  log->wake_descriptor_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (log->wake_descriptor_ < 0) return std::unexpected(Fault{"eventfd", errno});
  // A broken pipe is an answer of write().
  log->writer_ = ring::quiet_thread([raw = log.get()] { raw->run(); });
  return log;
}

EventLog::EventLog(EventLogOptions options) : options_(std::move(options)) {
  set_level(options_.level);
  for (unsigned core = 0; core < options_.cores; ++core) {
    sinks_.push_back(std::make_unique<EventSink>(*this, core, options_.ring_octets));
  }
  shared_ = std::make_unique<EventSink>(*this, no_core, options_.ring_octets);
}

EventLog::~EventLog() {
  if (writer_.joinable()) {
    stop_wanted_.store(true);
    wake();
    writer_.join();
  }
  if (wake_descriptor_ >= 0) close(wake_descriptor_);
  if (!options_.path.empty() && file_ >= 0) close(file_);
}

std::uint64_t EventLog::lines_dropped() const {
  std::uint64_t lines = lines_unwritten_.load(std::memory_order_relaxed) + shared_->ring_.dropped();
  for (const auto& sink : sinks_) lines += sink->ring_.dropped();
  return lines;
}

void EventLog::request_reopen() {
  reopen_wanted_.store(true);
  wake();
}

void EventLog::wake() {
  const std::uint64_t one = 1;
  // Full means that a wake-up is pending already; nothing else can go wrong here.
  [[maybe_unused]] const auto written = ::write(wake_descriptor_, &one, sizeof one);
}

void EventLog::run() {
  while (true) {
    const bool stopping = stop_wanted_.load();
    if (stopping && stop_deadline_ == never) stop_deadline_ = ring::monotonic_now() + flush_max;
    if (reopen_wanted_.exchange(false)) reopen();
    const bool drained = drain();
    report_drops();
    if (stopping && !drained) return;
    if (stopping) continue;
    if (drained) {
      // Gathering: only a stop or a reopening cuts it short, since writer_sleeps_ is false.
      pollfd wait{wake_descriptor_, POLLIN, 0};
      poll(&wait, 1, gather_ms);
    } else {
      sleep();
    }
  }
}

void EventLog::sleep() {
  writer_sleeps_.store(true, std::memory_order_relaxed);
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (!anything_to_do()) {
    pollfd wait{wake_descriptor_, POLLIN, 0};
    poll(&wait, 1, -1);
  }
  writer_sleeps_.store(false, std::memory_order_relaxed);
  std::uint64_t count = 0;
  [[maybe_unused]] const auto taken = ::read(wake_descriptor_, &count, sizeof count);
}

bool EventLog::anything_to_do() const {
  const auto filled = [](const auto& sink) { return !sink->ring_.empty(); };
  return stop_wanted_.load() || reopen_wanted_.load() || filled(shared_) ||
         std::ranges::any_of(sinks_, filled);
}

bool EventLog::drain() {
  bool any = drain(shared_->ring_);
  for (const auto& sink : sinks_) any = drain(sink->ring_) || any;
  return any;
}

bool EventLog::drain(LineRing& ring) {
  const auto [first, second] = ring.readable();
  if (first.empty()) return false;
  // The first piece may end inside a line that goes on in the second.
  const std::span<const char> lost = write_out(first);
  const std::span<const char> lost_too = lost.empty() ? write_out(second) : second;
  lines_unwritten_.fetch_add(lines_in(lost) + lines_in(lost_too), std::memory_order_relaxed);
  ring.consume(first.size() + second.size());
  return true;
}

void EventLog::report_drops() {
  const std::uint64_t lines = lines_dropped();
  if (lines == drops_reported_) return;
  LogLine line(ring::wall_now(), no_core, LinesDropped::name);
  LinesDropped{.lines = lines - drops_reported_}.fields(line);
  const std::string_view text = line.finish();
  if (write_out({text.data(), text.size()}).empty()) drops_reported_ = lines;
}

void EventLog::reopen() {
  if (options_.path.empty()) return;
  const auto opened = open_file(options_.path);
  if (opened) {
    // Under the old number, so that nothing ever sees a closed descriptor.
    CHECK(dup3(*opened, file_, O_CLOEXEC) == file_);
    close(*opened);
    regular_ = is_regular(file_);
    torn_ = inside_line_ = false;
    return;
  }
  LogLine line(ring::wall_now(), no_core, FaultSeen::name);
  FaultSeen{.where = "log", .fault = opened.error()}.fields(line);
  const std::string_view text = line.finish();
  write_out({text.data(), text.size()});
}

// Writes all of it, or gives what was lost. A line of which a part
// came out before the fault is ended before the next one begins.
std::span<const char> EventLog::write_out(std::span<const char> octets) {
  constexpr std::array<char, 1> line_end{'\n'};
  if (torn_ && !octets.empty()) {
    if (!write_all(line_end).empty()) return octets;
    torn_ = false;
  }
  const std::span<const char> lost = write_all(octets);
  torn_ = !lost.empty() && inside_line_;
  return lost;
}

// Gives what could not be written.
std::span<const char> EventLog::write_all(std::span<const char> octets) {
  while (!octets.empty()) {
    if (!regular_ && !wait_writable()) break;
    const std::size_t wanted =
        regular_ ? octets.size() : std::min(octets.size(), pipe_write_octets_max);
    const ssize_t written = ::write(file_, octets.data(), wanted);
    if (written < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (written <= 0) break;
    const auto count = static_cast<std::size_t>(written);
    inside_line_ = octets[count - 1] != '\n';
    octets = octets.subspan(count);
  }
  return octets;
}

// Waits until the pipe or terminal takes something; false when the time for that is over.
bool EventLog::wait_writable() {
  while (true) {
    if (stop_wanted_.load() && stop_deadline_ == never)
      stop_deadline_ = ring::monotonic_now() + flush_max;
    const bool stopping = stop_deadline_ != never;
    const std::int64_t left =
        stopping ? (stop_deadline_ - ring::monotonic_now()).milliseconds() : 0;
    std::array<pollfd, 2> wait{pollfd{file_, POLLOUT, 0}, pollfd{wake_descriptor_, POLLIN, 0}};
    // While stopping the wake-up stays pending and would only spin.
    const nfds_t count = stopping ? 1 : 2;
    const int timeout = stopping ? static_cast<int>(std::max<std::int64_t>(left, 0)) : -1;
    const int ready = poll(wait.data(), count, timeout);
    if (ready < 0) continue;
    if (wait[0].revents != 0) return true;
    if (stopping) return false;
    std::uint64_t ignored = 0;
    [[maybe_unused]] const auto taken = ::read(wake_descriptor_, &ignored, sizeof ignored);
  }
}

}  // namespace ringpost::observe
