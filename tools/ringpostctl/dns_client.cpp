// The sockets of a stub that is driven by poll(2). A socket that cannot be made, or breaks, is its
// server's failure.
#include "tools/ringpostctl/dns_client.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include <poll.h>
#include <sys/socket.h>

#include "engine/mta/generation_loader.h"
#include "engine/mta/random.h"
#include "engine/net/address.h"
#include "engine/ring/clock.h"
#include "proto/base/check.h"

namespace ringpost::ctl {
namespace {

constexpr Duration attempt_timeout = milliseconds(1500);
constexpr unsigned attempts = 2;
constexpr std::size_t messages_per_turn_max = 64;

dns::AnswerPointer timed_out() {
  static const auto answer =
      std::make_shared<const dns::Answer>(dns::Answer{.failure = dns::Failure::Timeout});
  return answer;
}

// The server that we were told to ask says neither AA nor RA, and has nothing: small servers of
// test benches do. It is taken at its word, while the daemon would look for a better server.
void believe_lame(dns::AnswerPointer& answer) {
  if (answer->failure != dns::Failure::Lame) return;
  dns::Answer nothing = *answer;
  nothing.outcome = dns::Outcome::NoData;
  nothing.failure = dns::Failure::None;
  answer = std::make_shared<const dns::Answer>(std::move(nothing));
}

int milliseconds_until(Instant deadline, Instant now) {
  if (deadline <= now) return 0;
  const Duration left = std::min(deadline - now, seconds(60));
  return static_cast<int>(left.milliseconds()) + 1;
}

}  // namespace

DnsClient::DnsClient(dns::ResolverSettings settings, std::size_t cache_octets_max)
    : settings_(settings),
      stub_({.settings = std::move(settings), .cache_octets_max = cache_octets_max},
            mta::random_number),
      room_(dns::message_octets_max) {}

void DnsClient::start(const dns::Question& question, dns::Asker asker) {
  stub_.ask(question, asker, ring::monotonic_now());
  settle();
}

std::optional<dns::Finished> DnsClient::wait(Instant deadline) {
  while (true) {
    if (auto finished = stub_.next_finished()) {
      believe_lame(finished->answer);
      return finished;
    }
    const Instant now = ring::monotonic_now();
    if (stub_.under_way() == 0 || now >= deadline) return std::nullopt;
    poll_until(std::min(deadline, stub_.deadline()));
    stub_.expire(ring::monotonic_now());
    settle();
  }
}

std::vector<dns::AnswerPointer> DnsClient::ask(std::span<const dns::Question> questions,
                                               Instant deadline) {
  const dns::Asker first = last_asker_ + 1;
  last_asker_ += questions.size();
  std::vector<dns::AnswerPointer> answers(questions.size(), timed_out());
  std::size_t open = questions.size();
  for (std::size_t i = 0; i < questions.size(); ++i) start(questions[i], first + i);
  while (open > 0) {
    const auto finished = wait(deadline);
    if (!finished) break;
    for (const dns::Asker asker : finished->askers) {
      if (asker < first || asker > last_asker_) continue;  // too late for an earlier call
      answers[asker - first] = finished->answer;
      --open;
    }
  }
  return answers;
}

void DnsClient::answer_all(auth::DnsMemo& memo, Instant deadline) {
  const std::vector<dns::Question> wanted = memo.take_wanted();
  std::vector<dns::AnswerPointer> answers = ask(wanted, deadline);
  for (std::size_t i = 0; i < wanted.size(); ++i) memo.put(wanted[i], std::move(answers[i]));
}

void DnsClient::settle() {
  while (const auto order = stub_.next_order())
    std::visit([this](const auto& what) { carry_out(what); }, *order);
}

void DnsClient::carry_out(const dns::OpenChannel& order) {
  const dns::ServerAddress& server = settings_.servers[order.server];
  const auto address = net::Address::parse(conf::to_text(server.address), server.port);
  CHECK(address);
  const int kind = (order.is_stream ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC;
  process::File socket(::socket(address->family(), kind, 0), address->to_text());
  const bool is_usable =
      socket.descriptor() >= 0 &&
      (connect(socket.descriptor(), address->kernel(), address->kernel_bytes()) == 0 ||
       errno == EINPROGRESS);
  if (!is_usable) socket = process::File();
  channels_.insert_or_assign(order.channel, Channel{std::move(socket), order.is_stream});
}

void DnsClient::carry_out(const dns::SendOctets& order) {
  const auto found = channels_.find(order.channel);
  if (found == channels_.end()) return;
  Channel& channel = found->second;
  const int socket = channel.socket.descriptor();
  if (socket < 0) return stub_.broken(order.channel, ring::monotonic_now());
  if (channel.is_stream) {
    channel.unsent += order.octets;
    return;
  }
  if (send(socket, order.octets.data(), order.octets.size(), MSG_NOSIGNAL) < 0 && errno != EAGAIN)
    stub_.broken(order.channel, ring::monotonic_now());
}

void DnsClient::carry_out(const dns::CloseChannel& order) { channels_.erase(order.channel); }

void DnsClient::poll_until(Instant deadline) {
  std::vector<pollfd> polled;
  std::vector<dns::ChannelId> ids;
  for (const auto& [id, channel] : channels_) {
    if (channel.socket.descriptor() < 0) continue;
    const int events = POLLIN | (channel.unsent.empty() ? 0 : POLLOUT);
    polled.push_back({channel.socket.descriptor(), static_cast<short>(events), 0});
    ids.push_back(id);
  }
  const int timeout_ms = milliseconds_until(deadline, ring::monotonic_now());
  if (poll(polled.data(), polled.size(), timeout_ms) <= 0) return;
  for (std::size_t i = 0; i < polled.size(); ++i)
    if (polled[i].revents != 0) handle(ids[i], polled[i].revents);
}

void DnsClient::handle(dns::ChannelId id, short events) {
  const auto found = channels_.find(id);
  if (found == channels_.end()) return;
  if ((events & POLLOUT) != 0 && !send_unsent(found->second)) {
    channels_.erase(found);
    stub_.broken(id, ring::monotonic_now());
  } else if ((events & ~POLLOUT) != 0) {
    receive(id, found->second);
  }
  settle();
}

bool DnsClient::send_unsent(Channel& channel) {
  const ssize_t sent =
      send(channel.socket.descriptor(), channel.unsent.data(), channel.unsent.size(), MSG_NOSIGNAL);
  if (sent < 0) return errno == EAGAIN;
  channel.unsent.erase(0, static_cast<std::size_t>(sent));
  return true;
}

// The stub may close the channel with every message: it is looked up again each time.
void DnsClient::receive(dns::ChannelId id, Channel& channel) {
  const bool is_stream = channel.is_stream;
  for (std::size_t i = 0; i < messages_per_turn_max; ++i) {
    const auto found = channels_.find(id);
    if (found == channels_.end()) return;
    const ssize_t octets =
        recv(found->second.socket.descriptor(), room_.data(), room_.size(), MSG_DONTWAIT);
    if (octets < 0 && errno == EAGAIN) return;
    if (octets < 0 || (octets == 0 && is_stream)) {
      if (is_stream) channels_.erase(found);
      return stub_.broken(id, ring::monotonic_now());
    }
    stub_.receive(id, Bytes(room_).first(static_cast<std::size_t>(octets)), ring::monotonic_now());
    settle();
  }
}

std::optional<dns::ResolverSettings> resolver_at(std::string_view server) {
  const auto address = dns::parse_server(server);
  if (!address) return std::nullopt;
  return dns::ResolverSettings{
      .servers = {*address}, .timeout = attempt_timeout, .attempts = attempts};
}

dns::ResolverSettings resolver_of_system() {
  const auto text = mta::read_text_file("/etc/resolv.conf");
  return dns::parse_resolv_conf(text ? *text : std::string());
}

}  // namespace ringpost::ctl
