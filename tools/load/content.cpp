// Generated messages; see content.h.
#include "tools/load/content.h"

#include <array>
#include <vector>

#include <fmt/format.h>

#include "proto/base/bytes.h"
#include "proto/base/check.h"
#include "proto/mail/date.h"
#include "proto/smtp/data_encoder.h"

namespace ringpost::load {
namespace {

// The first line of a body begins with a dot, so that stuffing is always exercised. One is enough:
// in mail such lines are rare, and each of them divides what could be written as one piece.
constexpr std::string_view first_line =
    ". a line that begins with a dot, which must arrive with exactly that one dot\r\n";
constexpr std::array<std::string_view, 3> body_lines{
    "This message was generated to measure a mail server. It carries nothing but text\r\n",
    "in lines of ordinary length, so that finding line ends costs what it does in mail\r\n",
    "and the numbers 0123456789, letters in both CASES and some marks: (+), [=], {*}.\r\n",
};

}  // namespace

std::string to_text(const MessageId& id) {
  return fmt::format("{:08x}-{:06}-{:010}", id.run, id.slot, id.sequence);
}

void append_id_fields(std::string& target, const MessageId& id, Instant sent) {
  const std::size_t start = target.size();
  const std::string text = to_text(id);
  fmt::format_to(std::back_inserter(target),
                 "{1}: {0}\r\n{2}: {3:020}\r\nMessage-ID: <{0}@load.ringpost.invalid>\r\n", text,
                 id_field, sent_field, sent.ns);
  CHECK(target.size() - start == id_fields_octets);
}

std::string with_smtp_line_ends(std::string_view text) {
  std::string lines;
  lines.reserve(text.size());
  for (const char c : text) {
    if (c == '\n' && !lines.ends_with('\r')) lines += '\r';
    lines += c;
  }
  if (!lines.ends_with("\r\n")) lines += "\r\n";
  return lines;
}

std::string numbered_recipient(std::string_view pattern, std::uint64_t number) {
  std::string result;
  for (std::size_t at = pattern.find("%d"); at != std::string_view::npos; at = pattern.find("%d")) {
    fmt::format_to(std::back_inserter(result), "{}{}", pattern.substr(0, at), number);
    pattern.remove_prefix(at + 2);
  }
  return result.append(pattern);
}

Content::Content(std::uint64_t octets, std::string_view sender, std::string_view recipient,
                 WallTime date) {
  raw_ =
      fmt::format("From: <{}>\r\nTo: <{}>\r\nSubject: load\r\nDate: ",
                  sender.empty() ? "load@client.test" : sender, numbered_recipient(recipient, 0));
  mail::append_date(raw_, date);
  raw_ += "\r\n\r\n";
  const std::uint64_t wanted = octets - std::min<std::uint64_t>(octets, id_fields_octets);
  raw_.reserve(wanted);
  if (raw_.size() + first_line.size() + 2 <= wanted) raw_ += first_line;
  for (std::size_t line = 0; raw_.size() + body_lines[line].size() + 2 <= wanted;
       line = (line + 1) % body_lines.size())
    raw_ += body_lines[line];
  if (raw_.size() + 2 <= wanted) {
    raw_.append(wanted - raw_.size() - 2, 'x');
    raw_ += "\r\n";
  }
  encode();
}

Content::Content(std::string message) : raw_(std::move(message)), has_id_(false) { encode(); }

void Content::encode() {
  smtp::DataEncoder encoder;
  std::vector<Bytes> pieces;
  encoder.encode(bytes_of(raw_), pieces);
  encoder.finish(pieces);
  for (const Bytes piece : pieces) encoded_ += text_of(piece);
}

}  // namespace ringpost::load
