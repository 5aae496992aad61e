// Stub: the resolver of one core, sans-IO: which question goes to which server, when, and by what
// way; whether what comes back is its answer; what is remembered. RFC 1034 5.3.1, RFC 5452
// (forgery), RFC 6891 (EDNS), RFC 7766 (TCP), RFC 2308 (negative answers), RFC 9520 (failures).
// Whatever servers do, every question ends, at the latest after servers * attempts * timeout for
// each of chain_links_max CNAMEs.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

#include "proto/dns/answer.h"
#include "proto/dns/cache.h"
#include "proto/dns/settings.h"

namespace ringpost::dns {

struct StubOptions {
  ResolverSettings settings = {};
  std::size_t cache_octets_max = std::size_t{16} << 20;
  std::size_t questions_max = 8192;  // under way; more fail at once
  std::size_t streams_max = 64;      // TCP connections; more and the next server is tried
};

// Ports of datagram channels: a forger must guess one of so many at a time, and each is given up
// after so many questions, or when it is used again after so long.
inline constexpr std::size_t ports_per_server = 4;
inline constexpr unsigned questions_per_port_max = 1024;
inline constexpr Duration port_age_max = seconds(60);

// A server that left so many questions in a row without an answer is asked last for a while; then
// one question tries it.
inline constexpr unsigned silent_max = 2;
inline constexpr Duration server_rest = seconds(10);

// Lifetimes in the cache: of what was found, of what was not, and of a failure.
inline constexpr std::uint32_t ttl_found_max_s = 86'400;
inline constexpr std::uint32_t ttl_missing_max_s = 3600;
inline constexpr std::uint32_t ttl_failed_s = 5;

// A socket connected to one server, for datagrams or a TCP connection; never used again for
// another.
using ChannelId = std::uint64_t;

// What the owner has to do, in this order.
struct OpenChannel {
  ChannelId channel = 0;
  std::size_t server = 0;  // index in the settings
  bool is_stream = false;
};
struct SendOctets {
  ChannelId channel = 0;
  std::string octets = {};
};
struct CloseChannel {
  ChannelId channel = 0;
};
using Order = std::variant<OpenChannel, SendOctets, CloseChannel>;

using Asker = std::uint64_t;

struct Finished {
  std::vector<Asker> askers = {};
  AnswerPointer answer = {};
  Duration took{};
};

struct StubCounters {
  std::uint64_t hits = 0;           // found in the cache, positive and negative
  std::uint64_t hits_negative = 0;  // of those: NoData, NoName, Failed
  std::uint64_t misses = 0;         // asked of servers
  std::uint64_t coalesced = 0;      // joined a question that was under way
  std::uint64_t datagrams = 0;      // sent
  std::uint64_t streams = 0;        // TCP connections made
  std::uint64_t timeouts = 0;       // of single attempts
  std::uint64_t unexpected = 0;     // octets that answer nothing that we asked: late, or forged
  std::uint64_t malformed = 0;
  std::uint64_t failures = 0;  // questions that nobody could answer
};

class Stub {
 public:
  using Random = std::move_only_function<std::uint64_t()>;

  // `random` must not be guessable: ids, the choice of ports and the keys of tables come from it.
  Stub(StubOptions options, Random random);
  ~Stub();
  Stub(const Stub&) = delete;
  Stub& operator=(const Stub&) = delete;

  // What is known without asking; null otherwise. Counts a hit.
  AnswerPointer find(const Question& question, Instant now);
  // Asks; a Finished with `asker` follows, also at once.
  void ask(const Question& question, Asker asker, Instant now);

  std::optional<Order> next_order();
  std::optional<Finished> next_finished();

  // What came on a channel: a whole datagram, or octets of a stream cut anywhere. A channel that
  // was closed meanwhile is no error.
  void receive(ChannelId channel, Bytes octets, Instant now);
  // The channel's socket reports an error, or its stream ended. A stream is gone with that; a
  // channel for datagrams stays.
  void broken(ChannelId channel, Instant now);

  // When to call expire(); `never` when nothing is under way.
  Instant deadline() const;
  void expire(Instant now);

  const StubCounters& counters() const { return counters_; }
  const Cache& cache() const { return cache_; }
  std::size_t under_way() const { return queries_.size(); }

 private:
  // One message sent for a query, and still good for an answer.
  struct Attempt {
    ChannelId channel = 0;
    std::uint16_t id = 0;
    std::size_t server = 0;
    bool operator==(const Attempt&) const = default;
  };
  struct Query {
    Question question = {};  // as asked
    Question asked = {};     // where its CNAMEs have led
    std::vector<Asker> askers = {};
    std::vector<Attempt> attempts = {};
    std::optional<Attempt> current = {};  // the one that is waited for
    Instant began{};
    Instant deadline{};
    std::list<Query*>::iterator place = {};
    unsigned round = 0;
    std::uint32_t tried = 0;     // servers of this round, one bit each
    std::uint32_t given_up = 0;  // servers that cannot answer this
    unsigned links = 0;
    std::optional<std::uint32_t> ttl_s = {};  // of the chain so far
    bool edns = true;
    bool authentic = true;
    Failure failure = Failure::Timeout;
  };
  struct Channel {
    ChannelId id = 0;
    std::size_t server = 0;
    bool is_stream = false;
    bool retired = false;  // takes no more questions
    bool gone = false;     // the owner has closed it
    unsigned used = 0;
    Instant opened{};
    std::string input = {};  // of a stream: the beginning of a message
    std::unordered_map<std::uint16_t, Query*> attempts = {};
  };
  struct Server {
    std::vector<ChannelId> ports = {};
    unsigned silent = 0;
    Instant rests_until{};
  };

  // stub_channels.cpp: sockets, attempts and servers.
  Channel& port_of(std::size_t server, Instant now);
  Channel& open(std::size_t server, bool is_stream, Instant now);
  void release(Channel& channel);
  void begin_attempt(Query& query, Channel& channel, Instant now);
  void end_attempt(Query& query, Attempt attempt);
  void end_attempts(Query& query);
  std::optional<std::size_t> choose(Query& query, Instant now);
  std::optional<std::size_t> first_choice(const Query& query, bool rested, Instant now);
  void server_silent(std::size_t server, unsigned times, Instant now);
  void server_heard(std::size_t server);

  void send_next(Query& query, Instant now);
  void send_stream(Query& query, std::size_t server, Instant now);
  void give_up(Query& query, Attempt attempt, Failure failure, bool for_good, Instant now);
  void take_message(Channel& channel, Bytes octets, Instant now);
  void take_stream(Channel& channel, Bytes octets, Instant now);
  void take_response(Query& query, Attempt attempt, bool is_stream, Bytes octets, Instant now);
  void take_judgement(Query& query, Attempt attempt, Judgement judgement, Instant now);
  void go_elsewhere(Query& query, Name name, Instant now);
  void late(Query& query, Instant now);
  void finish(Query& query, Answer answer, std::uint32_t ttl_s, Instant now);
  void fail(Query& query, Failure failure, Instant now);

  StubOptions options_;
  Random random_;
  HashKey hash_key_;
  Cache cache_;
  StubCounters counters_;
  std::vector<Server> servers_;
  std::unordered_map<ChannelId, std::unique_ptr<Channel>> channels_;
  ChannelId last_channel_ = 0;
  std::size_t streams_ = 0;
  std::unordered_map<Question, std::unique_ptr<Query>, QuestionHash, SameQuestion> queries_;
  std::list<Query*> waiting_;  // by deadline: the wait is the same for all
  std::deque<Order> orders_;
  std::deque<Finished> finished_;
};

}  // namespace ringpost::dns
