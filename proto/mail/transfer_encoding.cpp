// Transfer encodings: see transfer_encoding.h.
#include "proto/mail/transfer_encoding.h"

namespace ringpost::mail {
namespace {

constexpr std::size_t line_octets_max = 76;
constexpr std::string_view hexadecimal = "0123456789ABCDEF";
constexpr std::string_view base64 =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

bool is_literal(char octet) { return octet > ' ' && octet < '\x7f' && octet != '='; }

}  // namespace

void QuotedPrintableWriter::write(std::string_view text, std::string& target) {
  for (const char octet : text) put_octet(octet, target);
}

void QuotedPrintableWriter::put_octet(char octet, std::string& target) {
  if (blank_ != '\0') {
    put(std::string_view(&blank_, 1), target);
    blank_ = '\0';
  }
  if (octet == ' ' || octet == '\t') {
    blank_ = octet;
  } else if (is_literal(octet)) {
    put(std::string_view(&octet, 1), target);
  } else {
    put_code(octet, target);
  }
}

void QuotedPrintableWriter::put_code(char octet, std::string& target) {
  const auto value = static_cast<unsigned char>(octet);
  const char code[] = {'=', hexadecimal[value >> 4], hexadecimal[value & 15]};
  put({code, sizeof code}, target);
}

// Rule 5: a soft line break, whose '=' must fit as well.
void QuotedPrintableWriter::put(std::string_view unit, std::string& target) {
  if (column_ + unit.size() > line_octets_max - 1) {
    target += "=\r\n";
    column_ = 0;
  }
  target += unit;
  column_ += unit.size();
}

void QuotedPrintableWriter::end_line(std::string& target) {
  finish(target);
  target += "\r\n";
}

void QuotedPrintableWriter::finish(std::string& target) {
  if (blank_ != '\0') put_code(blank_, target);
  blank_ = '\0';
  column_ = 0;
}

void Base64Writer::write(std::string_view octets, std::string& target) {
  for (const char octet : octets) {
    group_[filled_++] = static_cast<unsigned char>(octet);
    if (filled_ == group_.size()) put_group(filled_, target);
  }
}

void Base64Writer::put_group(std::size_t octets, std::string& target) {
  const unsigned bits = static_cast<unsigned>(group_[0]) << 16 |
                        static_cast<unsigned>(group_[1]) << 8 | static_cast<unsigned>(group_[2]);
  for (std::size_t i = 0; i < 4; ++i)
    target += i <= octets ? base64[(bits >> (18 - 6 * i)) & 63] : '=';
  group_ = {};
  filled_ = 0;
  column_ += 4;
  if (column_ < line_octets_max) return;
  target += "\r\n";
  column_ = 0;
}

void Base64Writer::finish(std::string& target) {
  if (filled_ > 0) put_group(filled_, target);
  if (column_ > 0) target += "\r\n";
  column_ = 0;
}

}  // namespace ringpost::mail
