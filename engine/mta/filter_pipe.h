// FilterPipe: the two sockets of one filter program: its standard input and output, and its
// standard error. One receive and one send at a time, into memory of its own. Owner: one core. It
// may be destroyed only when is_closed().
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/process/parent_link.h"
#include "engine/ring/core.h"

namespace ringpost::mta {

// Told from the loop, never from within a call.
class FilterPipeOwner {
 public:
  virtual void received(std::string_view octets) = 0;
  // The program has closed its output, or the socket broke (errno).
  virtual void output_ended(int error) = 0;
  virtual void said(std::string_view octets) = 0;  // on standard error
  // All of the last send() was taken by the kernel.
  virtual void sent() = 0;

 protected:
  ~FilterPipeOwner() = default;
};

class FilterPipe {
 public:
  // Takes over the descriptors, and reads.
  FilterPipe(ring::Core& core, const process::ParentLink::FilterEnds& ends, FilterPipeOwner& owner);
  ~FilterPipe();
  FilterPipe(const FilterPipe&) = delete;
  FilterPipe& operator=(const FilterPipe&) = delete;

  // For ever, once the program has shut its input: its owner's deadline then finds it out.
  bool sending() const { return send_.in_flight() || input_shut_; }
  // `octets` must stay until sent(), or until is_closed().
  void send(std::string_view octets);
  // Back-pressure: no more octets come after those that are on their way, until resume().
  void hold() { held_ = true; }
  void resume();
  // The program sees the end of its input.
  void end_input();
  // Ends both ways at once; is_closed() when the kernel has let go of the sockets. What the program
  // had said on standard error is still told.
  void close();
  bool is_closed() const { return socket_ < 0; }

 private:
  void receive();
  void hear();
  void send_rest();
  void receive_done(ring::Completion completion);
  void hear_done(ring::Completion completion);
  void send_done(ring::Completion completion);
  void settle();

  ring::Core& core_;
  FilterPipeOwner& owner_;
  int socket_;
  int errors_;
  bool held_ = false;
  bool over_ = false;  // nothing more is received
  bool closing_ = false;
  bool input_shut_ = false;
  std::string_view sending_;
  std::vector<char> room_;
  std::vector<char> errors_room_;
  ring::OperationOf<FilterPipe, &FilterPipe::receive_done> receive_{*this};
  ring::OperationOf<FilterPipe, &FilterPipe::hear_done> hear_{*this};
  ring::OperationOf<FilterPipe, &FilterPipe::send_done> send_{*this};
};

}  // namespace ringpost::mta
