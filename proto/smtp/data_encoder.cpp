// Dot-stuffing by slices; see data_encoder.h for the contract.
// A stray CR or LF becomes a blank and never a line end: made into CRLF it could start a header
// field or end the data for a peer that is lax about line ends (SMTP smuggling), and RFC 5321 2.3.8
// forbids sending it.
#include "proto/smtp/data_encoder.h"

#include <algorithm>

namespace ringpost::smtp {
namespace {

const Bytes dot = bytes_of(".");
const Bytes line_end = bytes_of("\r\n");
const Bytes blank = bytes_of(" ");
const Bytes end_of_data = bytes_of(".\r\n");
const Bytes line_end_and_end_of_data = bytes_of("\r\n.\r\n");

void append(std::vector<Bytes>& pieces, Bytes piece) {
  if (!piece.empty()) pieces.push_back(piece);
}

// The places of one octet value, asked for in rising order: every octet is looked at once, however
// many stray ones of the other kind lie in between.
class Finder {
 public:
  Finder(Bytes octets, char wanted) : octets_(octets), wanted_(wanted) {}

  // The first place at or after `from`, or the size of the octets.
  std::size_t at_or_after(std::size_t from) {
    if (found_ && place_ >= from) return place_;
    found_ = true;
    const Bytes rest = octets_.subspan(from);
    const void* hit = rest.empty() ? nullptr : std::memchr(rest.data(), wanted_, rest.size());
    place_ = hit == nullptr
                 ? octets_.size()
                 : static_cast<std::size_t>(static_cast<const std::byte*>(hit) - octets_.data());
    return place_;
  }

 private:
  Bytes octets_;
  char wanted_;
  bool found_ = false;
  std::size_t place_ = 0;
};

}  // namespace

void DataEncoder::encode(Bytes content, std::vector<Bytes>& pieces) {
  if (content.empty()) return;
  std::size_t done = 0;  // everything before is in `pieces`
  std::size_t at = 0;    // everything before was looked at
  if (place_ == Place::AfterReturn) {
    const bool ended = content.front() == std::byte{'\n'};
    append(pieces, ended ? line_end : blank);
    if (ended) done = at = 1;
    place_ = ended ? Place::LineStart : Place::InLine;
  }
  Finder feeds(content, '\n');
  Finder returns(content, '\r');
  while (at < content.size()) {
    if (place_ == Place::LineStart && content[at] == std::byte{'.'}) {
      append(pieces, content.subspan(done, at - done));
      append(pieces, dot);  // RFC 5321 4.5.2
      done = at;
    }
    place_ = Place::InLine;
    const std::size_t feed = feeds.at_or_after(at);
    const std::size_t stop = std::min(feed, returns.at_or_after(at));
    at = stop + 1;
    if (stop == content.size()) break;
    if (stop + 1 == feed && feed < content.size()) {
      place_ = Place::LineStart;
      at = feed + 1;
      continue;
    }
    append(pieces, content.subspan(done, stop - done));
    done = at;
    if (stop != feed && at == content.size())
      place_ = Place::AfterReturn;  // the next octets say whether this is a line end
    else
      append(pieces, blank);  // RFC 5321 2.3.8
  }
  append(pieces, content.subspan(done));
}

void DataEncoder::finish(std::vector<Bytes>& pieces) {
  if (place_ == Place::AfterReturn) append(pieces, blank);
  // RFC 5321 4.1.1.4: the CRLF that ends the last line is the first part of the end of data.
  append(pieces, place_ == Place::LineStart ? end_of_data : line_end_and_end_of_data);
  place_ = Place::LineStart;
}

}  // namespace ringpost::smtp
