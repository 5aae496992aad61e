// DnsClient: asks name servers from a program that has no ring: the stub of proto/dns between
// sockets and poll(2), many questions at a time. Whatever servers do, every question ends, at the
// latest with its deadline.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/process/blocking_file.h"
#include "proto/auth/dns_memo.h"
#include "proto/base/clock.h"
#include "proto/dns/settings.h"
#include "proto/dns/stub.h"

namespace ringpost::ctl {

// One thread at a time. Blocks in wait(), ask() and answer_all().
class DnsClient {
 public:
  // Without a cache unless it is given room: what the zone says now is what counts.
  explicit DnsClient(dns::ResolverSettings settings, std::size_t cache_octets_max = 0);
  DnsClient(const DnsClient&) = delete;
  DnsClient& operator=(const DnsClient&) = delete;

  // A Finished with this number follows from wait().
  void start(const dns::Question& question, dns::Asker asker);
  // The next answer; nothing when `deadline` has passed or nothing is under way.
  std::optional<dns::Finished> wait(Instant deadline);

  // All at once; the answers in the order of the questions. What has none by then: a timeout.
  // Not while questions of start() are under way.
  std::vector<dns::AnswerPointer> ask(std::span<const dns::Question> questions, Instant deadline);
  // Puts into `memo` what it wants.
  void answer_all(auth::DnsMemo& memo, Instant deadline);

 private:
  struct Channel {
    process::File socket;
    bool is_stream = false;
    std::string unsent = {};  // of a stream
  };

  void settle();
  void carry_out(const dns::OpenChannel& order);
  void carry_out(const dns::SendOctets& order);
  void carry_out(const dns::CloseChannel& order);
  void poll_until(Instant deadline);
  void handle(dns::ChannelId id, short events);
  bool send_unsent(Channel& channel);
  void receive(dns::ChannelId id, Channel& channel);

  dns::ResolverSettings settings_;
  dns::Stub stub_;
  std::map<dns::ChannelId, Channel> channels_;
  std::vector<std::byte> room_;
  dns::Asker last_asker_ = 0;
};

// Of --dns ADDR:PORT with a patience that suits a person who waits; nothing when it is no address.
std::optional<dns::ResolverSettings> resolver_at(std::string_view server);
// What resolv.conf(5) of this machine says.
dns::ResolverSettings resolver_of_system();

}  // namespace ringpost::ctl
