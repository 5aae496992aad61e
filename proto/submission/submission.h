// Submission: a message as a program of this machine hands it in: envelope and complete content.
// What sendmail(8) makes of its arguments and input, what the local socket takes, and what waits in
// the offline folder meanwhile.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "proto/smtp/dsn_parameters.h"
#include "proto/smtp/event.h"

namespace ringpost::submission {

inline constexpr std::size_t recipients_max = 10'000;

struct Submission {
  std::string sender;                   // as smtp::to_text(ReversePath) prints it; empty: null path
  std::vector<std::string> recipients;  // as smtp::to_text(ForwardPath) prints them, each once
  smtp::NotifySet notify = {};          // RFC 3461, for every recipient
  smtp::ReturnContent ret = smtp::ReturnContent::Unspecified;
  std::string envelope_id = {};  // xtext
  bool smtputf8 = false;         // an address of the envelope is not ASCII
  bool eight_bit = false;        // the content has octets above 127
  std::string content = {};      // lines end with CRLF, the last one too

  bool operator==(const Submission&) const = default;
};

}  // namespace ringpost::submission
