// ClientSession over a blocking loop: see submit.h.
#include "engine/mta/submit.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/mta/control_socket.h"
#include "engine/ring/clock.h"
#include "proto/smtp/client_session.h"
#include "proto/smtp/data_encoder.h"

namespace ringpost::mta {
namespace {

using Kind = SubmitResult::Kind;

constexpr std::size_t content_step_octets = 256 * 1024;
constexpr std::uint16_t service_not_available = 421;

class Dialogue {
 public:
  // Takes over `file`, a connected socket that does not block.
  Dialogue(int file, const submission::Submission& message, const SubmitOptions& options)
      : file_(file), message_(message), options_(options), session_(settings_, now()) {
    settings_.name = options.hello_name;
    settings_.timeouts.greeting = options.greeting_max;
    // Made before the settings were: its first deadline is set here.
    greeting_deadline_ = now() + options.greeting_max;
  }
  Dialogue(const Dialogue&) = delete;
  Dialogue& operator=(const Dialogue&) = delete;
  ~Dialogue() { close(file_); }

  SubmitResult run() {
    while (!done_) {
      while (auto event = session_.next_event())
        std::visit([this](const auto& what) { on(what); }, *event);
      if (done_) break;
      flush();
      if (!session_.ended()) receive_more();
    }
    flush();
    return std::move(result_);
  }

 private:
  static Instant now() { return ring::monotonic_now(); }

  void on(const smtp::HandshakeWanted&) {}  // StartTls::Never

  void on(const smtp::Ready&) {
    if (begun_) return;
    begun_ = true;
    for (const std::string& recipient : message_.recipients)
      recipients_.push_back({.path = recipient, .notify = message_.notify});
    smtp::OutgoingMessage outgoing{.sender = message_.sender, .recipients = recipients_};
    outgoing.octets = message_.content.size();
    outgoing.body = message_.eight_bit ? smtp::BodyType::EightBitMime : smtp::BodyType::SevenBit;
    outgoing.smtputf8 = message_.smtputf8;
    outgoing.ret = message_.ret;
    outgoing.envelope_id = message_.envelope_id;
    outgoing.all_or_nobody = true;
    session_.begin(outgoing, now());
  }

  void on(const smtp::ContentWanted&) {
    flush();
    smtp::DataEncoder encoder;
    Bytes rest = bytes_of(message_.content);
    std::vector<Bytes> pieces;
    while (!rest.empty() && !session_.ended()) {
      const Bytes step = rest.first(std::min(rest.size(), content_step_octets));
      rest = rest.subspan(step.size());
      pieces.clear();
      encoder.encode(step, pieces);
      if (rest.empty()) encoder.finish(pieces);
      for (const Bytes piece : pieces) send(piece);
      session_.content_progressed(now());
    }
    session_.content_sent(now());
  }

  void on(const smtp::RecipientDone& done) {
    if (done.reply.severity() == 2) {
      result_.reply = smtp::Reply(done.reply);
      ++accepted_;
    } else if (session_.ended() || done.reply.code == service_not_available) {
      result_.reason = done.reply.text;
    } else if (!done.local || done.reply.severity() == 5) {
      result_.refused.emplace_back(message_.recipients[done.recipient], done.reply);
    }
  }

  void on(const smtp::MessageDone&) {
    done_ = true;
    if (accepted_ == message_.recipients.size()) {
      result_.kind = Kind::Accepted;
    } else if (!result_.refused.empty()) {
      result_.kind = Kind::Refused;
      result_.reply = result_.refused.front().second;
      for (const auto& [recipient, reply] : result_.refused)
        if (reply.view().severity() == 5) result_.reply = reply;
    }
    if (session_.ended()) return;
    while (session_.next_event()) {
    }
    if (!session_.ended() && session_.deadline() == never) session_.quit(now());
  }

  void on(const smtp::Ended& ended) {
    done_ = true;
    if (!begun_) result_.reason = ended.reply.text;
  }

  void flush() {
    while (!session_.transmit().empty() && !broken_) {
      const Bytes octets = session_.transmit();
      send(octets);
      session_.transmitted(octets.size());
    }
  }

  // All of it, or the connection is over.
  void send(Bytes octets) {
    while (!octets.empty() && !broken_) {
      const ssize_t count = ::send(file_, octets.data(), octets.size(), MSG_NOSIGNAL);
      if (count > 0) {
        octets = octets.subspan(static_cast<std::size_t>(count));
      } else if (errno == EAGAIN) {
        if (!wait(POLLOUT)) return;
      } else if (errno != EINTR) {
        lose();
      }
    }
  }

  void receive_more() {
    std::array<std::byte, 4096> room;
    const ssize_t count = recv(file_, room.data(), room.size(), 0);
    if (count < 0 && errno == EINTR) return;
    if (count < 0 && errno == EAGAIN) {
      wait(POLLIN);
      return;
    }
    if (count <= 0) {
      lose();
      return;
    }
    heard_ = true;
    Bytes octets(room.data(), static_cast<std::size_t>(count));
    while (!octets.empty()) {
      octets = octets.subspan(session_.receive(octets, now()));
      if (octets.empty() || done_) break;
      while (auto event = session_.next_event())
        std::visit([this](const auto& what) { on(what); }, *event);
    }
  }

  void lose() {
    broken_ = true;
    session_.disconnected();
  }

  // False when the time is over, or somebody wants to stop before anything has begun.
  bool wait(short what) {
    const Instant deadline = heard_ ? session_.deadline() : greeting_deadline_;
    const auto left = std::max<std::int64_t>((deadline - now()).milliseconds() + 1, 0);
    std::array<pollfd, 2> files{{{file_, what, 0}, {heard_ ? -1 : options_.stop_file, POLLIN, 0}}};
    const int ready =
        poll(files.data(), files.size(), static_cast<int>(std::min(left, max_wait_ms)));
    if (files[1].revents != 0) {
      lose();
      return false;
    }
    if (ready != 0 || now() < deadline) return true;
    if (heard_) {
      session_.expire(now());
      broken_ = true;
    } else {
      lose();
    }
    return false;
  }
  static constexpr std::int64_t max_wait_ms = 3'600'000;

  int file_;
  const submission::Submission& message_;
  const SubmitOptions& options_;
  smtp::ClientSettings settings_;
  smtp::ClientSession session_;
  Instant greeting_deadline_{};
  std::vector<smtp::OutgoingRecipient> recipients_;
  SubmitResult result_;
  std::size_t accepted_ = 0;
  bool begun_ = false;
  bool heard_ = false;
  bool broken_ = false;
  bool done_ = false;
};

}  // namespace

SubmitResult submit(const submission::Submission& message, const SubmitOptions& options) {
  const auto file = connect_control(options.socket_path, SOCK_NONBLOCK);
  if (!file) {
    SubmitResult result;
    result.reason = to_text(file.error());
    return result;
  }
  return Dialogue(*file, message, options).run();
}

}  // namespace ringpost::mta
