// FrameReader: frames of a socket by blocking calls, as many at a time as have come.
#pragma once

#include <cstddef>
#include <string>

namespace ringpost::process {

class FrameReader {
 public:
  // The socket must stay open; a frame of more than `octets_max` ends it.
  FrameReader(int socket, std::size_t octets_max) : socket_(socket), octets_max_(octets_max) {}

  // Waits for the next frame and puts it into `payload`, without its length. False: there is none
  // any more.
  bool next(std::string& payload);
  // next() will not wait.
  bool has_more() const;

 private:
  bool receive();

  int socket_;
  std::size_t octets_max_;
  std::string room_;
  std::size_t begin_ = 0;  // of what was not given yet
};

}  // namespace ringpost::process
