// Questions of tasks to the stub: see resolver.h.
#include "engine/mta/resolver.h"

#include <algorithm>
#include <array>
#include <utility>

namespace ringpost::mta {
namespace {

// Datagrams that have come and were not looked at yet; each is looked at in the turn in which it
// comes.
constexpr std::uint16_t datagram_buffers = 256;
constexpr std::uint32_t datagram_buffer_bytes = 4096;
constexpr std::uint16_t datagram_group = 1;  // 0 are the buffers of streams

dns::AnswerPointer failure(dns::Failure why) {
  return std::make_shared<const dns::Answer>(dns::Answer{.failure = why});
}

dns::Type address_type(const conf::NetAddress& address) {
  return address.family == conf::Family::Inet6 ? dns::Type::Aaaa : dns::Type::A;
}

}  // namespace

// Lives in the frame of its task.
struct ClientNameEnquiry {
  ClientNameAsker* asker;  // null: forgotten
};

struct DnsEnquiry {
  DnsAsker* asker;  // null: forgotten
};

// A question of a task; lives in its frame.
struct Resolver::Waiting {
  Waiting(Resolver& owner, Instant deadline) : resolver(owner), number(++owner.last_asker_) {
    owner.waiting_.emplace(number, this);
    owner.core_.timers().arm(timer, deadline);
  }

  // Ends with the frame that it resumes: nothing may be touched behind it.
  void end(dns::AnswerPointer given) {
    resolver.core_.timers().disarm(timer);
    resolver.waiting_.erase(number);
    answer = std::move(given);
    done.set();
  }
  void late() { end(failure(dns::Failure::Timeout)); }

  Resolver& resolver;
  dns::Asker number;
  ring::Signal done;
  dns::AnswerPointer answer;
  ring::TimerOf<Waiting, &Waiting::late> timer{*this};
};

std::expected<std::unique_ptr<Resolver>, Fault> Resolver::create(
    ring::Core& core, memory::BufferRing& streams, observe::ResolverMetrics& metrics) {
  const memory::BufferRingOptions options{
      .group = datagram_group, .buffers = datagram_buffers, .buffer_bytes = datagram_buffer_bytes};
  auto datagrams = memory::BufferRing::create(core.ring(), options);
  if (!datagrams) return std::unexpected(datagrams.error());
  std::unique_ptr<Resolver> self(new Resolver(core, streams, metrics));
  self->datagrams_ = std::move(*datagrams);
  const dns::StubOptions limits;
  metrics.questions.max.set(limits.questions_max);
  metrics.cache_octets.max.set(limits.cache_octets_max);
  self->use({});
  return self;
}

Resolver::~Resolver() { CHECK(waiting_.empty()); }

void Resolver::use(const dns::ResolverSettings& settings) {
  if (closing_ || (link_ != nullptr && link_->settings() == settings)) return;
  if (link_ != nullptr) {
    link_->publish(metrics_);
    former_.push_back(std::move(link_));
  }
  ResolverLinkOwner& owner = *this;
  link_ = std::make_unique<ResolverLink>(core_, *datagrams_, streams_, settings, owner);
}

dns::AnswerPointer Resolver::known(const dns::Question& question) {
  return closing_ ? nullptr : link_->find(question);
}

ring::Task<dns::AnswerPointer> Resolver::find(dns::Question question, Instant deadline) {
  if (closing_) co_return failure(dns::Failure::Overload);
  if (dns::AnswerPointer known = link_->find(question)) co_return known;
  Waiting waiting(*this, deadline);
  link_->ask(question, waiting.number);
  co_await waiting.done;
  co_return std::move(waiting.answer);
}

void Resolver::finished(dns::Finished finished) {
  metrics_.answer.record(static_cast<std::uint64_t>(finished.took.ns / 1'000));
  if (finished.answer->failure == dns::Failure::Overload) metrics_.questions.refused.add();
  for (const dns::Asker asker : finished.askers) {
    const auto waiting = waiting_.find(asker);  // gone when it was late
    if (waiting != waiting_.end()) waiting->second->end(finished.answer);
  }
}

ring::Task<HostAddresses> Resolver::find_addresses(dns::Name host, Instant deadline) {
  HostAddresses result;
  if (closing_) co_return result;
  const std::array<dns::Question, 2> questions{
      {{host, dns::Type::Aaaa}, {std::move(host), dns::Type::A}}};
  Waiting six(*this, deadline);
  Waiting four(*this, deadline);
  for (Waiting* const one : {&six, &four}) {
    const dns::Question& question = questions[one == &six ? 0 : 1];
    if (dns::AnswerPointer known = link_->find(question))
      one->end(std::move(known));
    else
      link_->ask(question, one->number);
  }
  co_await six.done;
  co_await four.done;
  result.outcome = dns::Outcome::NoName;
  result.authentic = true;
  for (const dns::AnswerPointer& answer : {six.answer, four.answer}) {
    result.authentic = result.authentic && answer->authentic;
    if (answer->outcome == dns::Outcome::Failed) result.failure = answer->failure;
    for (const dns::RecordData& data : answer->records)
      result.addresses.push_back(std::get<conf::NetAddress>(data));
    if (answer->outcome == dns::Outcome::NoData && result.outcome == dns::Outcome::NoName)
      result.outcome = dns::Outcome::NoData;
  }
  if (result.failure != dns::Failure::None) result.outcome = dns::Outcome::Failed;
  if (!result.addresses.empty()) result.outcome = dns::Outcome::Found;
  co_return result;
}

ring::Task<ClientName> Resolver::find_client_name(conf::NetAddress address, Instant deadline) {
  ClientName result;
  dns::Question reverse{dns::Name::reverse_of(address), dns::Type::Ptr};
  const dns::AnswerPointer pointers = co_await find(std::move(reverse), deadline);
  if (pointers->outcome == dns::Outcome::Failed) result.state = ClientName::State::Failed;
  std::size_t tried = 0;
  for (const dns::RecordData& pointer : pointers->records) {
    const auto& name = std::get<dns::Name>(pointer);
    if (!name.is_plain() || ++tried > client_names_max) continue;
    if (result.state == ClientName::State::None) {
      result.state = ClientName::State::Known;
      result.name = name.text();
    }
    dns::Question forward{name, address_type(address)};
    const dns::AnswerPointer found = co_await find(std::move(forward), deadline);
    if (found->outcome == dns::Outcome::Failed) result.confirmed = ClientName::Confirmed::Unknown;
    if (std::ranges::find(found->records, dns::RecordData(address)) == found->records.end())
      continue;
    result.confirmed = ClientName::Confirmed::Yes;
    result.name = name.text();
    break;
  }
  co_return result;
}

void Resolver::name_client(conf::NetAddress address, ClientNameAsker& asker) {
  CHECK(asker.under_way_ == nullptr);
  ring::Task<void>::spawn(scope_, tell_client_name(address, asker));
}

ring::Task<void> Resolver::tell_client_name(conf::NetAddress address, ClientNameAsker& asker) {
  ClientNameEnquiry enquiry{&asker};
  asker.under_way_ = &enquiry;
  const Instant deadline = core_.now() + client_name_limit;
  ClientName name = co_await find_client_name(address, deadline);
  ClientNameAsker* const still = enquiry.asker;
  if (still == nullptr) co_return;
  still->under_way_ = nullptr;
  still->named(std::move(name));
}

void Resolver::forget(ClientNameAsker& asker) {
  if (asker.under_way_ == nullptr) return;
  asker.under_way_->asker = nullptr;
  asker.under_way_ = nullptr;
}

// Most lists are asked about the same clients again and again: what is known costs no task.
void Resolver::ask(dns::Question question, Instant deadline, DnsAsker& asker) {
  CHECK(asker.under_way_ == nullptr);
  if (dns::AnswerPointer answer = known(question)) return asker.found(std::move(answer));
  ring::Task<void>::spawn(scope_, tell_answer(std::move(question), deadline, asker));
}

ring::Task<void> Resolver::tell_answer(dns::Question question, Instant deadline, DnsAsker& asker) {
  DnsEnquiry enquiry{&asker};
  asker.under_way_ = &enquiry;
  dns::AnswerPointer answer = co_await find(std::move(question), deadline);
  DnsAsker* const still = enquiry.asker;
  if (still == nullptr) co_return;
  still->under_way_ = nullptr;
  still->found(std::move(answer));
}

void Resolver::forget(DnsAsker& asker) {
  if (asker.under_way_ == nullptr) return;
  asker.under_way_->asker = nullptr;
  asker.under_way_ = nullptr;
}

void Resolver::end_of_turn() {
  link_->publish(metrics_);
  for (auto& link : former_)
    if (link->under_way() == 0) link->close();
  std::erase_if(former_, [](const auto& link) { return link->is_closed(); });
  datagrams_->serve_waiters();
}

void Resolver::close() {
  if (std::exchange(closing_, true)) return;
  while (!waiting_.empty()) waiting_.begin()->second->end(failure(dns::Failure::Overload));
  link_->close();
  for (auto& link : former_) link->close();
}

bool Resolver::idle() const {
  const bool links_closed = link_->is_closed() && std::ranges::all_of(former_, [](auto& one) {
                              return one->is_closed();
                            });
  return scope_.idle() && links_closed;
}

}  // namespace ringpost::mta
