// PamLink: the way to the process that speaks PAM, one for all cores: questions go out at once, a
// thread takes the answers. Thread-safe. Where there is no such process, or it has ended, the
// answer is a failure, and the next question starts another.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>

#include "engine/process/parent_link.h"
#include "engine/ring/core.h"
#include "proto/sasl/pam_request.h"

namespace ringpost::mta {

inline constexpr std::size_t pam_checks_max = 256;  // under way
inline constexpr Duration pam_answer_max = seconds(25);

// A question on its way: caller-owned, and must stay until its handler was called on `core`.
struct PamCheck : ring::Message {
  PamCheck(Handler called, ring::Core& asker, sasl::PamRequest question)
      : Message(called), core(asker), request(std::move(question)) {}
  ring::Core& core;
  sasl::PamRequest request;  // its password is wiped as soon as it was sent
  Instant until{};
  sasl::PamReply reply = {};
};

class PamLink {
 public:
  // `parent` outlives it; null: nobody can be asked.
  explicit PamLink(process::ParentLink* parent);
  // No question is under way any more, or nobody waits for its answer.
  ~PamLink();
  PamLink(const PamLink&) = delete;
  PamLink& operator=(const PamLink&) = delete;

  // Any thread. The question always comes back.
  void check(PamCheck& check);
  // Once this returns, the link is done with every core whose questions have all come back.
  void settle() { const std::lock_guard guard(lock_); }

 private:
  std::string send(PamCheck& check);
  std::string connect(Instant now);
  void run();
  void take(Bytes datagram);
  void expire(Instant now);
  void fail_all(const std::string& reason);
  static void fail(PamCheck& check, std::string reason);
  void disconnect();

  process::ParentLink* parent_;
  std::mutex lock_;
  std::condition_variable waiting_;
  std::unordered_map<std::uint64_t, PamCheck*> asked_;
  std::uint64_t last_id_ = 0;
  Instant connected_at_{};
  int socket_ = -1;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace ringpost::mta
