// Canonical forms of a message for signatures: RFC 6376 3.4. Header fields one by one; the body as
// it streams by, cut anywhere, in constant memory. Cannot fail: every octet has a form.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "proto/base/bytes.h"

namespace ringpost::auth {

enum class Canonical : std::uint8_t { Simple, Relaxed };
std::string_view to_text(Canonical form);

// Appends a field to `target`, its line end included. `field` is the whole field with its name, its
// folds and CRLF at its end.
void append_canonical_field(Canonical form, std::string_view field, std::string& target);

// The body, in one of the forms. `Take` is called with views that hold only during the call.
class BodyCanonical {
 public:
  explicit BodyCanonical(Canonical form) : form_(form) {}

  // The next octets of the body: behind the empty line that ends the header.
  template <class Take>
  void feed(Bytes octets, Take&& take) {
    const std::string_view text = text_of(octets);
    if (form_ == Canonical::Simple)
      feed_simple(text, take);
    else
      feed_relaxed(text, take);
    flush(take);
  }

  // At the end of the body, once.
  template <class Take>
  void finish(Take&& take) {
    if (cr_waits_) {  // a CR at the very end is an octet of the last line
      put_line_ends(take);
      put_blank(take);
      put("\r", take);
      cr_waits_ = false;
    }
    // RFC 6376 3.4.3: an empty body is one line end; 3.4.4: or nothing.
    if (has_content_ || form_ == Canonical::Simple) put("\r\n", take);
    flush(take);
  }

 private:
  static constexpr std::size_t room_octets =
      1024;  // small pieces are gathered, others go as they are

  template <class Take>
  void put(std::string_view text, Take&& take) {
    if (text.size() > room_.size() - filled_) {
      flush(take);
      if (text.size() > room_.size() / 2) {
        take(bytes_of(text));
        return;
      }
    }
    std::memcpy(room_.data() + filled_, text.data(), text.size());
    filled_ += text.size();
  }
  template <class Take>
  void flush(Take&& take) {
    if (filled_ == 0) return;
    take(bytes_of(std::string_view(room_.data(), filled_)));
    filled_ = 0;
  }
  // Content follows: the line ends that waited are not at the end of the body.
  template <class Take>
  void put_line_ends(Take&& take) {
    for (; line_ends_ > 0; --line_ends_) put("\r\n", take);
    has_content_ = true;
  }
  template <class Take>
  void put_blank(Take&& take) {
    if (blank_waits_) put(" ", take);
    blank_waits_ = false;
  }
  void end_line() {
    ++line_ends_;
    blank_waits_ = false;
    cr_waits_ = false;
  }

  template <class Take>
  void feed_simple(std::string_view text, Take&& take);
  template <class Take>
  void feed_relaxed(std::string_view text, Take&& take);

  Canonical form_;
  bool cr_waits_ = false;     // the last octet was a CR: half a line end, or content
  bool blank_waits_ = false;  // relaxed: blanks that become one, or nothing at the end of a line
  bool has_content_ = false;
  std::uint64_t line_ends_ = 0;  // given out when content follows them
  std::size_t filled_ = 0;
  std::array<char, room_octets> room_;
};

// How many of the octets at the front of a body, which begins with neither a blank nor a CR, the
// relaxed form keeps as they are: whole lines, when they have nothing to reduce. Perhaps fewer than
// it could; what is kept ends with an octet of a line's content.
std::size_t plain_run(std::string_view text);

template <class Take>
void BodyCanonical::feed_simple(std::string_view text, Take&& take) {
  if (cr_waits_ && !text.empty()) {
    if (text.front() == '\n') {
      text.remove_prefix(1);
      end_line();
    } else {
      put_line_ends(take);
      put("\r", take);
      cr_waits_ = false;
    }
  }
  // All but the line ends at the end of these octets can go as it is.
  std::size_t end = text.size();
  const bool cr_last = end > 0 && text.back() == '\r';
  if (cr_last) --end;
  std::uint64_t lines = 0;
  for (; end >= 2 && text.substr(end - 2, 2) == "\r\n"; end -= 2) ++lines;
  if (end > 0) {
    put_line_ends(take);
    put(text.substr(0, end), take);
  }
  if (lines > 0) {
    line_ends_ += lines;
  }
  cr_waits_ = cr_last;
}

template <class Take>
void BodyCanonical::feed_relaxed(std::string_view text, Take&& take) {
  for (std::size_t at = 0; at < text.size();) {
    const char c = text[at];
    if (cr_waits_) {
      if (c == '\n') {
        end_line();
        ++at;
        continue;
      }
      put_line_ends(take);
      put_blank(take);
      put("\r", take);
      cr_waits_ = false;
    }
    if (c == '\r') {
      cr_waits_ = true;
      ++at;
    } else if (c == ' ' || c == '\t') {
      blank_waits_ = true;
      ++at;
    } else {
      const std::size_t octets = plain_run(text.substr(at));
      put_line_ends(take);
      put_blank(take);
      put(text.substr(at, octets), take);
      at += octets;
    }
  }
}

}  // namespace ringpost::auth
