// KeyLink: a core's way to the key process, over a Unix socket that the parent hands out: requests
// are pipelined, and asked again of a key process that has taken the place of one that ended. A
// request ends with ETIMEDOUT when no answer came in time. Owner: one core.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "engine/process/parent_link.h"
#include "engine/ring/core.h"
#include "engine/tls/signer.h"

namespace ringpost::mta {

class KeyLink final : public tls::Signer {
 public:
  // `parent` outlives it; null: there is no key process, and nothing can be signed (ENOTSUP).
  KeyLink(ring::Core& core, process::ParentLink* parent, Duration answer_max = seconds(10));
  // Only when it is closed.
  ~KeyLink();
  KeyLink(const KeyLink&) = delete;
  KeyLink& operator=(const KeyLink&) = delete;

  void sign(tls::SignJob& job, const tls::KeyName& key, std::uint16_t scheme, Bytes input) override;
  void forget(tls::SignJob& job) override;
  std::size_t under_way() const { return asked_.size(); }
  // To be called once per turn: what was asked for in it leaves together.
  void end_of_turn() { send_more(); }

  // What is under way is forgotten, and later requests fail: nobody that asked is there any more.
  void close();
  bool is_closed() const { return closing_ && socket_ < 0; }

 private:
  using Answer = std::expected<std::vector<std::byte>, Fault>;
  struct Asked {
    tls::SignJob* job;
    std::string frame;
    Instant deadline;
    int error = 0;  // it was refused here, and hears of it from the loop
  };
  void connect();
  void disconnect();
  void send_more();
  void sent(ring::Completion completion);
  void receive_more();
  void received(ring::Completion completion);
  void take_replies();
  void finish(std::uint64_t id, Answer answer);
  void settle();
  void arm_timer();
  void time_is_up();

  ring::Core& core_;
  process::ParentLink* parent_;
  Duration answer_max_;
  int socket_ = -1;
  bool broken_ = false;  // to be closed when nothing is in flight on it
  bool closing_ = false;
  Instant connect_at_ = never;
  std::uint64_t last_id_ = 0;
  std::map<std::uint64_t, Asked> asked_;  // the first has the earliest deadline
  std::unordered_map<tls::SignJob*, std::uint64_t> ids_;
  std::string outgoing_;  // in flight, from sent_octets_ on
  std::size_t sent_octets_ = 0;
  std::string pending_;
  std::string incoming_;
  std::vector<char> room_;
  ring::OperationOf<KeyLink, &KeyLink::sent> send_{*this};
  ring::OperationOf<KeyLink, &KeyLink::received> receive_{*this};
  ring::TimerOf<KeyLink, &KeyLink::time_is_up> timer_{*this};
};

}  // namespace ringpost::mta
