// A question's way through servers, timeouts and CNAMEs to its end. RFC 1034 5.3.1, RFC 5452 9.1.
#include "proto/dns/stub.h"

#include <algorithm>
#include <utility>

#include "proto/base/check.h"

namespace ringpost::dns {
namespace {

std::uint32_t bit_of(std::size_t server) { return std::uint32_t{1} << server; }

// An answer repeats the question; an error may leave it out, since its sender perhaps could not
// read it.
bool repeats(const MessageHead& head, const Question& asked) {
  if (head.question) return head.question == asked;
  const ResponseCode code = head.header.code;
  return code != ResponseCode::NoError && code != ResponseCode::NameError;
}

// RFC 6891 6.2.2 and 7: what a server says that knows no EDNS.
bool refuses_edns(const Message& response) {
  const ResponseCode code = response.header.code;
  return !response.edns &&
         (code == ResponseCode::FormatError || code == ResponseCode::NotImplemented);
}

std::uint32_t lesser(std::optional<std::uint32_t> a, std::optional<std::uint32_t> b) {
  if (!a || !b) return a.value_or(b.value_or(0));
  return std::min(*a, *b);
}

Outcome outcome_of(Judgement::Kind kind) {
  switch (kind) {
    case Judgement::Kind::Found:
      return Outcome::Found;
    case Judgement::Kind::NoData:
      return Outcome::NoData;
    case Judgement::Kind::NoName:
      return Outcome::NoName;
    case Judgement::Kind::Elsewhere:
    case Judgement::Kind::Failed:
      break;
  }
  return Outcome::Failed;
}

}  // namespace

Stub::Stub(StubOptions options, Random random)
    : options_(std::move(options)),
      random_(std::move(random)),
      hash_key_{random_(), random_()},
      cache_(options_.cache_octets_max, hash_key_),
      servers_(options_.settings.servers.size()),
      queries_(0, QuestionHash{hash_key_}) {
  CHECK(servers_.size() <= servers_max && options_.settings.attempts > 0);
}

Stub::~Stub() = default;

AnswerPointer Stub::find(const Question& question, Instant now) {
  AnswerPointer answer = cache_.find(question, now);
  if (!answer) return nullptr;
  ++counters_.hits;
  if (answer->outcome != Outcome::Found) ++counters_.hits_negative;
  return answer;
}

void Stub::ask(const Question& question, Asker asker, Instant now) {
  const auto found = queries_.find(question);
  if (found != queries_.end()) {
    ++counters_.coalesced;
    found->second->askers.push_back(asker);
    return;
  }
  ++counters_.misses;
  const bool is_full = queries_.size() >= options_.questions_max;
  auto query = std::make_unique<Query>();
  query->question = query->asked = question;
  query->askers.push_back(asker);
  query->began = now;
  query->place = waiting_.insert(waiting_.end(), query.get());
  Query& started = *query;
  queries_.emplace(question, std::move(query));
  if (servers_.empty()) return fail(started, Failure::NoServer, now);
  if (is_full) return fail(started, Failure::Overload, now);
  send_next(started, now);
}

std::optional<Order> Stub::next_order() {
  if (orders_.empty()) return std::nullopt;
  Order order = std::move(orders_.front());
  orders_.pop_front();
  return order;
}

std::optional<Finished> Stub::next_finished() {
  if (finished_.empty()) return std::nullopt;
  Finished finished = std::move(finished_.front());
  finished_.pop_front();
  return finished;
}

void Stub::send_next(Query& query, Instant now) {
  const auto server = choose(query, now);
  if (!server) return fail(query, query.failure, now);
  begin_attempt(query, port_of(*server, now), now);
}

void Stub::send_stream(Query& query, std::size_t server, Instant now) {
  if (streams_ < options_.streams_max) return begin_attempt(query, open(server, true, now), now);
  query.given_up |= bit_of(server);
  query.failure = Failure::Overload;
  send_next(query, now);
}

// The attempt has failed; the next server is asked unless another one is waited for already.
void Stub::give_up(Query& query, Attempt attempt, Failure failure, bool for_good, Instant now) {
  if (for_good) query.given_up |= bit_of(attempt.server);
  query.failure = failure;
  end_attempt(query, attempt);
  if (query.current != attempt) return;
  query.current.reset();
  send_next(query, now);
}

void Stub::receive(ChannelId id, Bytes octets, Instant now) {
  const auto found = channels_.find(id);
  if (found == channels_.end()) return;
  Channel& channel = *found->second;
  channel.is_stream ? take_stream(channel, octets, now) : take_message(channel, octets, now);
}

// A datagram. What answers nothing is passed over, and the true answer may still come: so a forger
// gains nothing by being first.
void Stub::take_message(Channel& channel, Bytes octets, Instant now) {
  const auto head = decode_head(octets);
  if (!head || !head->header.is_response || head->header.operation != 0) {
    ++counters_.malformed;
    return;
  }
  const auto found = channel.attempts.find(head->header.id);
  if (found == channel.attempts.end() || !repeats(*head, found->second->asked)) {
    ++counters_.unexpected;
    return;
  }
  const Attempt attempt{channel.id, head->header.id, channel.server};
  take_response(*found->second, attempt, false, octets, now);
}

// RFC 1035 4.2.2: two octets of length, then the message. One question, one answer.
void Stub::take_stream(Channel& channel, Bytes octets, Instant now) {
  channel.input += text_of(octets);
  if (channel.input.size() < 2) return;
  const auto octet = [&channel](std::size_t i) {
    return std::size_t{static_cast<unsigned char>(channel.input[i])};
  };
  const std::size_t size = octet(0) << 8 | octet(1);
  if (channel.input.size() < 2 + size) return;
  const std::string input = std::move(channel.input);
  const Bytes message = bytes_of(input).subspan(2, size);
  CHECK(channel.attempts.size() == 1);
  const auto& [id, query] = *channel.attempts.begin();
  const Attempt attempt{channel.id, id, channel.server};
  const auto head = decode_head(message);
  const bool fits = head && head->header.is_response && head->header.id == id &&
                    head->header.operation == 0 && repeats(*head, query->asked);
  if (fits) return take_response(*query, attempt, true, message, now);
  ++counters_.malformed;
  give_up(*query, attempt, Failure::Malformed, true, now);
}

void Stub::take_response(Query& query, Attempt attempt, bool is_stream, Bytes octets, Instant now) {
  server_heard(attempt.server);
  if (!is_stream && decode_head(octets)->header.truncated) {
    end_attempt(query, attempt);
    return send_stream(query, attempt.server, now);
  }
  auto response = decode(octets);
  if (!response) {
    ++counters_.malformed;
    return give_up(query, attempt, Failure::Malformed, true, now);
  }
  if (query.edns && refuses_edns(*response) && query.current == attempt) {
    query.edns = false;
    end_attempt(query, attempt);
    if (is_stream) return send_stream(query, attempt.server, now);
    return begin_attempt(query, port_of(attempt.server, now), now);
  }
  const bool authentic =
      response->header.authentic && options_.settings.servers[attempt.server].trusted;
  Judgement judgement = judge(*response, query.asked);
  if (judgement.kind != Judgement::Kind::Failed) query.authentic &= authentic;
  take_judgement(query, attempt, std::move(judgement), now);
}

void Stub::take_judgement(Query& query, Attempt attempt, Judgement judgement, Instant now) {
  if (judgement.kind == Judgement::Kind::Failed)
    return give_up(query, attempt, judgement.failure, true, now);
  query.links += judgement.links;
  if (query.links > chain_links_max) return fail(query, Failure::LongChain, now);
  if (judgement.kind == Judgement::Kind::Elsewhere) {
    query.ttl_s = lesser(query.ttl_s, judgement.ttl_s);
    return go_elsewhere(query, std::move(judgement.owner), now);
  }
  const bool is_found = judgement.kind == Judgement::Kind::Found;
  const std::uint32_t ttl_s = judgement.ttl_s ? lesser(query.ttl_s, judgement.ttl_s) : 0;
  Answer answer{.outcome = outcome_of(judgement.kind),
                .authentic = query.authentic,
                .owner = std::move(judgement.owner),
                .records = std::move(judgement.records)};
  finish(query, std::move(answer), std::min(ttl_s, is_found ? ttl_found_max_s : ttl_missing_max_s),
         now);
}

// The response ended with a CNAME: the question goes on with its target.
void Stub::go_elsewhere(Query& query, Name name, Instant now) {
  end_attempts(query);
  query.asked.name = std::move(name);
  query.tried = query.given_up = 0;
  const AnswerPointer known = cache_.find(query.asked, now);
  if (!known) return send_next(query, now);
  if (known->outcome == Outcome::Failed) return fail(query, known->failure, now);
  Answer answer = *known;
  answer.authentic = answer.authentic && query.authentic;
  const auto left_s = static_cast<std::uint32_t>((known->expires - now).seconds());
  finish(query, std::move(answer), lesser(query.ttl_s, left_s), now);
}

void Stub::broken(ChannelId id, Instant now) {
  const auto found = channels_.find(id);
  if (found == channels_.end()) return;
  Channel& channel = *found->second;
  if (!channel.is_stream) server_silent(channel.server, silent_max, now);
  channel.gone = channel.is_stream;
  std::vector<std::pair<std::uint16_t, Query*>> attempts(channel.attempts.begin(),
                                                         channel.attempts.end());
  const std::size_t server = channel.server;
  const bool for_good = channel.is_stream;
  for (const auto& [number, query] : attempts) {
    const auto still = channels_.find(id);
    if (still == channels_.end()) return;
    const auto attempt = still->second->attempts.find(number);
    if (attempt == still->second->attempts.end() || attempt->second != query) continue;
    give_up(*query, Attempt{id, number, server}, Failure::Unreachable, for_good, now);
  }
}

Instant Stub::deadline() const { return waiting_.empty() ? never : waiting_.front()->deadline; }

void Stub::expire(Instant now) {
  while (!waiting_.empty() && waiting_.front()->deadline <= now) late(*waiting_.front(), now);
}

// A datagram's answer may still come; a stream is given up, and its server with it, since another
// datagram would be truncated as well.
void Stub::late(Query& query, Instant now) {
  CHECK(query.current);
  const Attempt attempt = *query.current;
  ++counters_.timeouts;
  if (channels_.at(attempt.channel)->is_stream)
    return give_up(query, attempt, Failure::Timeout, true, now);
  server_silent(attempt.server, 1, now);
  query.failure = Failure::Timeout;
  query.current.reset();
  send_next(query, now);
}

void Stub::finish(Query& query, Answer answer, std::uint32_t ttl_s, Instant now) {
  end_attempts(query);
  waiting_.erase(query.place);
  answer.expires = now + seconds(ttl_s);
  auto shared = std::make_shared<const Answer>(std::move(answer));
  if (ttl_s > 0) cache_.keep(query.question, shared);
  finished_.push_back({std::move(query.askers), std::move(shared), now - query.began});
  const Question question = std::move(query.question);
  queries_.erase(question);
}

void Stub::fail(Query& query, Failure failure, Instant now) {
  ++counters_.failures;
  const bool is_ours = failure == Failure::Overload || failure == Failure::NoServer;
  Answer answer{.failure = failure, .owner = query.asked.name};
  finish(query, std::move(answer), is_ours ? 0 : ttl_failed_s, now);
}

}  // namespace ringpost::dns
