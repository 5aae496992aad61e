// Content: the message of an order, as an agent reads it from its socket piece by piece. Blocking.
// ECONNABORTED: the engine gave the delivery up, and nothing of it may stay.
#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "proto/base/fault.h"

namespace ringpost::process {

class Content {
 public:
  // `any`: frames of content follow on the socket.
  Content(int socket, bool any) : socket_(socket), at_end_(!any) {}

  // The next piece, valid until the next call; empty at the end.
  std::expected<std::string_view, Fault> next();
  // Takes what the order's work has left; false: the engine has gone.
  bool drain();
  int socket() const { return socket_; }

 private:
  int socket_;
  bool at_end_;
  std::string piece_;
};

// Reads a frame of at most `octets_max` from a blocking socket; false at its end, for a frame that
// is too long and for an error.
bool read_frame(int socket, std::string& payload, std::size_t octets_max);
bool write_frame(int socket, std::string_view frame);

}  // namespace ringpost::process
