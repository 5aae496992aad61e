// DmarcFailures: messages that failed, on their way from the cores to the reporter. What a forger
// can make us send is bounded: so many an hour, a tenth of them about one domain. Any thread.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "proto/auth/failure_report.h"
#include "proto/base/clock.h"

namespace ringpost::mta {

class DmarcFailures {
 public:
  DmarcFailures();
  ~DmarcFailures();
  DmarcFailures(const DmarcFailures&) = delete;
  DmarcFailures& operator=(const DmarcFailures&) = delete;

  // False: too many this hour, of all or of the domain, or waiting. To be asked before the note is
  // made: it counts as one.
  bool admit(const std::string& domain, std::uint32_t per_hour, Instant now);
  void put(auth::FailureNote note);
  std::vector<auth::FailureNote> take();
  // Readable (poll) while something waits.
  int file() const { return file_; }

 private:
  std::mutex mutex_;
  std::deque<auth::FailureNote> notes_;
  std::map<std::string, std::uint32_t> of_domain_;  // in this hour
  std::uint32_t all_ = 0;
  Instant hour_began_{};
  int file_ = -1;
};

}  // namespace ringpost::mta
