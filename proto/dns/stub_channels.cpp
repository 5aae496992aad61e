// The stub's ways to its servers: which server comes next, from which port, with which id. RFC 5452
// 9.2: ids and ports are random, and an answer must come by the way the question went.
#include <algorithm>
#include <utility>

#include "proto/base/check.h"
#include "proto/dns/stub.h"

namespace ringpost::dns {
namespace {

std::uint32_t bit_of(std::size_t server) { return std::uint32_t{1} << server; }

// RFC 6840 5.7: AD in a question asks for AD in the answer.
std::string question_octets(const Question& question, std::uint16_t id, bool with_edns) {
  Message message;
  message.header = {.id = id, .recursion_desired = true, .authentic = true};
  message.question = question;
  if (with_edns) message.edns = Edns{};
  auto octets = encode(message);
  CHECK(octets);
  return std::move(*octets);
}

}  // namespace

// A port serves for a while and is then replaced; answers to what it sent may still come.
Stub::Channel& Stub::port_of(std::size_t server, Instant now) {
  std::vector<ChannelId>& ports = servers_[server].ports;
  const std::size_t index = random_() % ports_per_server;
  if (index >= ports.size()) {
    Channel& fresh = open(server, false, now);
    ports.push_back(fresh.id);
    return fresh;
  }
  Channel& port = *channels_.at(ports[index]);
  if (port.used < questions_per_port_max && now - port.opened < port_age_max) return port;
  port.retired = true;
  release(port);
  Channel& fresh = open(server, false, now);
  ports[index] = fresh.id;
  return fresh;
}

Stub::Channel& Stub::open(std::size_t server, bool is_stream, Instant now) {
  auto channel = std::make_unique<Channel>();
  channel->id = ++last_channel_;
  channel->server = server;
  channel->is_stream = is_stream;
  channel->opened = now;
  if (is_stream) ++streams_, ++counters_.streams;
  orders_.push_back(OpenChannel{channel->id, server, is_stream});
  Channel& opened = *channel;
  channels_.emplace(opened.id, std::move(channel));
  return opened;
}

// Closes a channel that is of no use any more.
void Stub::release(Channel& channel) {
  if (!channel.attempts.empty() || !(channel.is_stream || channel.retired)) return;
  if (channel.is_stream) --streams_;
  if (!channel.gone) orders_.push_back(CloseChannel{channel.id});
  channels_.erase(channel.id);
}

void Stub::begin_attempt(Query& query, Channel& channel, Instant now) {
  auto id = static_cast<std::uint16_t>(random_());
  while (channel.attempts.contains(id)) id = static_cast<std::uint16_t>(random_());
  channel.attempts.emplace(id, &query);
  ++channel.used;
  query.current = query.attempts.emplace_back(Attempt{channel.id, id, channel.server});
  query.tried |= bit_of(channel.server);
  query.deadline = now + options_.settings.timeout;
  waiting_.splice(waiting_.end(), waiting_, query.place);
  std::string octets = question_octets(query.asked, id, query.edns);
  if (channel.is_stream) {  // RFC 1035 4.2.2
    const std::size_t size = octets.size();
    octets.insert(0, {static_cast<char>(size >> 8), static_cast<char>(size & 0xff)});
  } else {
    ++counters_.datagrams;
  }
  orders_.push_back(SendOctets{channel.id, std::move(octets)});
}

void Stub::end_attempt(Query& query, Attempt attempt) {
  std::erase(query.attempts, attempt);
  Channel& channel = *channels_.at(attempt.channel);
  channel.attempts.erase(attempt.id);
  release(channel);
}

void Stub::end_attempts(Query& query) {
  while (!query.attempts.empty()) end_attempt(query, query.attempts.back());
  query.current.reset();
}

std::optional<std::size_t> Stub::first_choice(const Query& query, bool rested, Instant now) {
  for (std::size_t server = 0; server < servers_.size(); ++server) {
    if (((query.tried | query.given_up) & bit_of(server)) != 0) continue;
    if (!rested || servers_[server].rests_until <= now) return server;
  }
  return std::nullopt;
}

// In the order of the settings, those that were silent lately last; then the next round. The first
// question after a server's rest tries it, while the others still go elsewhere.
std::optional<std::size_t> Stub::choose(Query& query, Instant now) {
  for (;; query.tried = 0, ++query.round) {
    if (query.round >= options_.settings.attempts) return std::nullopt;
    if (const auto server = first_choice(query, true, now)) {
      Server& chosen = servers_[*server];
      if (chosen.silent >= silent_max) chosen.rests_until = now + server_rest;
      return server;
    }
    if (const auto server = first_choice(query, false, now)) return server;
  }
}

void Stub::server_silent(std::size_t server, unsigned times, Instant now) {
  Server& silent = servers_[server];
  silent.silent += times;
  if (silent.silent >= silent_max) silent.rests_until = now + server_rest;
}

void Stub::server_heard(std::size_t server) {
  servers_[server].silent = 0;
  servers_[server].rests_until = {};
}

}  // namespace ringpost::dns
