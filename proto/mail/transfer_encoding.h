// Writers of the encodings that 7-bit lines carry: quoted-printable and base64 (RFC 2045 6.7, 6.8).
// They take their input in pieces, however it is cut, and append to a text; no line of theirs is
// longer than 76 octets. Cannot fail.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

namespace ringpost::mail {

// Text: its line ends stay line ends, and lines that need nothing stay as they are.
class QuotedPrintableWriter {
 public:
  // A piece of a line, without its end.
  void write(std::string_view text, std::string& target);
  // The line ends; CRLF is appended.
  void end_line(std::string& target);
  // The text ends, perhaps inside a line, which gets no end.
  void finish(std::string& target);

 private:
  void put(std::string_view unit, std::string& target);
  void put_octet(char octet, std::string& target);
  void put_code(char octet, std::string& target);

  std::size_t column_ = 0;
  char blank_ = '\0';  // not written yet: at the end of a line it must be a code
};

// Octets of any kind.
class Base64Writer {
 public:
  void write(std::string_view octets, std::string& target);
  // Fills the last group and ends the last line; nothing for nothing.
  void finish(std::string& target);

 private:
  void put_group(std::size_t octets, std::string& target);

  std::array<unsigned char, 3> group_{};
  std::size_t filled_ = 0;
  std::size_t column_ = 0;
};

}  // namespace ringpost::mail
