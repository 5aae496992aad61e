// Hands a Submission to the daemon's local SMTP socket: what sendmail(8) does, and the daemon
// itself with what waited in the offline folder. Blocking, for a program or a thread of its own.
// All recipients get the message, or nobody.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "proto/base/clock.h"
#include "proto/smtp/reply.h"
#include "proto/submission/submission.h"

namespace ringpost::mta {

struct SubmitResult {
  enum class Kind : std::uint8_t {
    Accepted,  // durable, as the daemon says
    Refused,   // by the daemon: `refused` says who was, or it is empty and the reply is for all
    NotTaken   // no daemon, or the connection was lost: perhaps it has the message all the same
  };
  Kind kind = Kind::NotTaken;
  smtp::Reply reply;                                         // Accepted, Refused
  std::vector<std::pair<std::string, smtp::Reply>> refused;  // recipients
  std::string reason;                                        // NotTaken
};

struct SubmitOptions {
  std::string socket_path;
  std::string hello_name = "localhost";
  Duration greeting_max = seconds(10);  // a daemon that does not greet is as good as none
  int stop_file = -1;  // readable: give up while there is no greeting yet; -1: none
};

SubmitResult submit(const submission::Submission& message, const SubmitOptions& options);

}  // namespace ringpost::mta
