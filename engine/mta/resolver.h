// Resolver: names and addresses for the tasks and sessions of one core, by its own stub resolver.
// Every question has a deadline, after which its answer is a failure; nothing here blocks. Owner:
// one core.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "engine/mta/resolver_link.h"
#include "engine/ring/await.h"
#include "engine/ring/task.h"
#include "proto/conf/table_tests.h"

namespace ringpost::mta {

// Names of one client that are tried for a confirmation.
inline constexpr std::size_t client_names_max = 8;
// From the accept on.
inline constexpr Duration client_name_limit = seconds(8);

// What the DNS calls the client's address.
struct ClientName {
  enum class State : std::uint8_t {
    None,    // nothing: no PTR record, or none that can stand in a log line
    Known,   // `name`
    Failed,  // nobody could say, for now
  };
  using Confirmed = conf::ClientNameView::Confirmed;

  State state = State::None;
  Confirmed confirmed = Confirmed::No;
  std::string name = {};  // the first that is confirmed, or else the first
};

struct ClientNameEnquiry;

class ClientNameAsker {
 public:
  // Perhaps from inside name_client().
  virtual void named(ClientName name) = 0;

 protected:
  ~ClientNameAsker() = default;

 private:
  friend class Resolver;
  ClientNameEnquiry* under_way_ = nullptr;
};

struct DnsEnquiry;

// Something that is no task and asks one question at a time.
class DnsAsker {
 public:
  // Perhaps from inside ask(); the answer is never null.
  virtual void found(dns::AnswerPointer answer) = 0;

 protected:
  ~DnsAsker() = default;

 private:
  friend class Resolver;
  DnsEnquiry* under_way_ = nullptr;
};

struct HostAddresses {
  dns::Outcome outcome = dns::Outcome::Failed;  // Found: at least one address
  dns::Failure failure = dns::Failure::None;
  bool authentic = false;                        // every answer that counts was
  std::vector<conf::NetAddress> addresses = {};  // IPv6 first
};

class Resolver final : ResolverLinkOwner {
 public:
  // `streams` is where answers by TCP are received into.
  static std::expected<std::unique_ptr<Resolver>, Fault> create(ring::Core& core,
                                                                memory::BufferRing& streams,
                                                                observe::ResolverMetrics& metrics);
  // Only when idle.
  ~Resolver();
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  // The servers to ask from here on. What was asked of others ends there; what they said is
  // forgotten.
  void use(const dns::ResolverSettings& settings);

  // What the cache has; null: it must be asked for.
  dns::AnswerPointer known(const dns::Question& question);
  // One question of any type; the answer is never null.
  ring::Task<dns::AnswerPointer> find(dns::Question question, Instant deadline);
  // IPv6 and IPv4 addresses, asked for at the same time.
  ring::Task<HostAddresses> find_addresses(dns::Name host, Instant deadline);
  // The PTR records of an address, and whether one of them leads back to it.
  ring::Task<ClientName> find_client_name(conf::NetAddress address, Instant deadline);

  // find_client_name() for what is no task: `asker` is told once, unless forget() is called before.
  void name_client(conf::NetAddress address, ClientNameAsker& asker);
  void forget(ClientNameAsker& asker);

  // find() for what is no task: `asker` is told once, unless forget() is called before.
  void ask(dns::Question question, Instant deadline, DnsAsker& asker);
  void forget(DnsAsker& asker);

  // To be called once per turn: counts, and wakes sockets that lacked buffers.
  void end_of_turn();
  // Everything that is asked fails from now on; is idle soon after.
  void close();
  bool idle() const;

 private:
  struct Waiting;

  Resolver(ring::Core& core, memory::BufferRing& streams, observe::ResolverMetrics& metrics)
      : core_(core), streams_(streams), metrics_(metrics) {}
  void finished(dns::Finished finished) override;
  ring::Task<void> tell_client_name(conf::NetAddress address, ClientNameAsker& asker);
  ring::Task<void> tell_answer(dns::Question question, Instant deadline, DnsAsker& asker);

  ring::Core& core_;
  memory::BufferRing& streams_;
  observe::ResolverMetrics& metrics_;
  std::unique_ptr<memory::BufferRing> datagrams_;
  std::unique_ptr<ResolverLink> link_;
  std::vector<std::unique_ptr<ResolverLink>> former_;  // until all that was asked of them has ended
  dns::Asker last_asker_ = 0;
  std::unordered_map<dns::Asker, Waiting*> waiting_;
  ring::Scope scope_;
  bool closing_ = false;
};

}  // namespace ringpost::mta
