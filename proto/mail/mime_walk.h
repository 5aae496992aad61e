// MimeWalk: the structure of a message while it streams by (RFC 2045, 2046): which of its lines are
// header, body of which part, or boundary; nested multiparts and messages included. Bounded in
// memory: beyond its limits, and where two readers could disagree, it says so and goes on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proto/mail/content_type.h"

namespace ringpost::mail {

inline constexpr std::size_t mime_parts_max = 10'000;
inline constexpr std::size_t mime_depth_max = 32;

enum class PartKind : std::uint8_t {
  Text,       // text/*
  Other,      // any other content without structure
  Composite,  // multipart/* or message/rfc822: its content has headers of its own
  Fixed,      // must stay as it is: message/* with 7-bit rules, or what nobody can read for sure
};

enum class PartEncoding : std::uint8_t { None, SevenBit, EightBit, Binary, Encoded, Unknown };

// A header and what follows it: the message, a part of a multipart, or a message inside.
struct Part {
  PartKind kind = PartKind::Text;
  PartEncoding encoding = PartEncoding::None;  // as its header says
  bool is_signed = false;  // a multipart/signed or multipart/encrypted is around it or is it
  bool is_mime = true;     // false: its message has no MIME-Version
};

// A line, or a piece of a very long one.
struct LinePiece {
  std::string_view text;  // without the line end
  bool begins = true;     // at the start of the line
  std::string_view end;   // "\r\n" or "\n"; empty: the line goes on, or the content ends
};

enum class LinePlace : std::uint8_t {
  Header,     // a line of the header of part()
  BlankLine,  // behind that header
  Body,       // of part()
  Boundary,
  Between,  // before the first part of a multipart, or behind its last
};

class MimeWalk {
 public:
  // Where the next piece of the content belongs. part() and part_number() are of that place.
  LinePlace take(const LinePiece& piece);

  // Counted from 0, in the order of the parts; what take() told of. The kind and encoding of a part
  // are known from its BlankLine on, or its body where that line is missing.
  const Part& part() const { return part_; }
  std::size_t part_number() const { return number_; }
  // The piece just taken belongs to a Content-Transfer-Encoding field.
  bool is_in_encoding_field() const { return in_encoding_field_; }
  // Why what was taken so far cannot be read for sure; empty: it can.
  std::string_view doubt() const { return doubt_; }

 private:
  enum class State : std::uint8_t { Header, Body, Between, BeforeMessage };
  struct Level {
    std::string boundary;
    bool is_signed = false;
    bool is_digest = false;
    bool is_mime = true;
  };
  LinePlace take_header(const LinePiece& piece);
  void field_ended();
  void new_field(std::string_view line);
  void header_ended();
  State read_kind();
  State read_multipart(const ContentType& type);
  State fixed(std::string_view why);
  bool is_boundary(const LinePiece& piece);
  void begin_part(bool is_message);
  void doubt(std::string_view why) {
    if (doubt_.empty()) doubt_ = why;
  }

  State state_ = State::Header;
  Part part_;
  std::size_t number_ = 0;
  bool is_message_ = true;  // the header under way is a message's
  std::vector<Level> levels_;
  // The header under way.
  std::string field_;
  std::optional<std::string> content_type_, encoding_;
  bool has_version_ = false;
  bool in_encoding_field_ = false;
  std::string_view doubt_;
};

// Cuts content into lines, and lines that are longer than it keeps into pieces.
class LineCutter {
 public:
  // Calls take(const LinePiece&) for all that is complete.
  template <class Take>
  void cut(std::string_view octets, Take&& take);
  // For the rest, at the end of the content.
  template <class Take>
  void finish(Take&& take);

 private:
  static constexpr std::size_t piece_octets_max = 4096;
  template <class Take>
  void give(std::string_view text, std::string_view end, Take&& take) {
    take(LinePiece{text, begins_, end});
    begins_ = !end.empty();
  }
  template <class Take>
  void give_line(std::string_view line, Take&& take);

  std::string kept_;
  bool begins_ = true;
};

template <class Take>
void LineCutter::cut(std::string_view octets, Take&& take) {
  while (!octets.empty()) {
    const std::size_t end = octets.find('\n');
    const bool is_whole = end != octets.npos;
    const std::string_view line = octets.substr(0, is_whole ? end + 1 : octets.size());
    octets.remove_prefix(line.size());
    if (kept_.empty() && is_whole) {
      give_line(line, take);
      continue;
    }
    kept_ += line;
    if (is_whole) {
      give_line(std::exchange(kept_, {}), take);
    } else if (kept_.size() > piece_octets_max) {
      // A CR may be half of the line end.
      const std::size_t given = kept_.size() - (kept_.ends_with('\r') ? 1 : 0);
      give(std::string_view(kept_).substr(0, given), {}, take);
      kept_.erase(0, given);
    }
  }
}

template <class Take>
void LineCutter::give_line(std::string_view line, Take&& take) {
  const std::string_view end = line.ends_with("\r\n") ? "\r\n" : "\n";
  give(line.substr(0, line.size() - end.size()), end, take);
}

template <class Take>
void LineCutter::finish(Take&& take) {
  if (!kept_.empty()) give(std::exchange(kept_, {}), {}, take);
}

}  // namespace ringpost::mail
