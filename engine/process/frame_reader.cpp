// Frames as they have come: see frame_reader.h.
#include "engine/process/frame_reader.h"

#include <cerrno>
#include <string_view>

#include <sys/socket.h>

#include "engine/process/agent_frame.h"

namespace ringpost::process {
namespace {

constexpr std::size_t receive_octets = 64 * 1024;

// Of the frame that begins there, with its header; more than there is when it is cut.
std::size_t octets_of_frame(std::string_view unread) {
  if (unread.size() < frame_header_octets) return frame_header_octets;
  return frame_header_octets + frame_length(bytes_of(unread.substr(0, frame_header_octets)));
}

}  // namespace

bool FrameReader::next(std::string& payload) {
  while (true) {
    const std::string_view unread_part = std::string_view(room_).substr(begin_);
    const std::size_t octets = octets_of_frame(unread_part);
    if (octets > frame_header_octets + octets_max_) return false;
    if (unread_part.size() >= octets) {
      payload = unread_part.substr(frame_header_octets, octets - frame_header_octets);
      begin_ += octets;
      return true;
    }
    if (!receive()) return false;
  }
}

bool FrameReader::has_more() const {
  const std::string_view unread_part = std::string_view(room_).substr(begin_);
  return unread_part.size() >= octets_of_frame(unread_part);
}

bool FrameReader::receive() {
  room_.erase(0, begin_);
  begin_ = 0;
  const std::size_t had = room_.size();
  ssize_t got = -1;
  // The room is not filled with zeros first: that takes as long as the call.
  room_.resize_and_overwrite(had + receive_octets, [&](char* octets, std::size_t) {
    do {
      got = recv(socket_, octets + had, receive_octets, 0);
    } while (got < 0 && errno == EINTR);
    return had + static_cast<std::size_t>(got > 0 ? got : 0);
  });
  return got > 0;
}

}  // namespace ringpost::process
