// Offline files: see offline_file.h. Lines are "WORD VALUE", each kind in its place.
#include "proto/submission/offline_file.h"

#include <array>
#include <iterator>
#include <utility>

#include <fmt/format.h>

#include "proto/base/ascii.h"
#include "proto/base/crc32c.h"
#include "proto/smtp/path.h"

namespace ringpost::submission {
namespace {

constexpr std::string_view first_line = "ringpost-offline 1";

struct RetWord {
  smtp::ReturnContent ret;
  std::string_view word;
};
constexpr std::array<RetWord, 3> ret_words{{{smtp::ReturnContent::Unspecified, "-"},
                                            {smtp::ReturnContent::Full, "full"},
                                            {smtp::ReturnContent::Headers, "headers"}}};

std::string_view ret_word(smtp::ReturnContent ret) {
  for (const RetWord& one : ret_words)
    if (one.ret == ret) return one.word;
  return "-";
}

// Takes lines off the front; after the first that does not fit, everything fails.
class Lines {
 public:
  explicit Lines(std::string_view text) : rest_(text) {}

  std::optional<std::string_view> line() {
    const std::size_t end = rest_.find('\n');
    if (end == rest_.npos) return std::nullopt;
    const std::string_view text = rest_.substr(0, end);
    rest_.remove_prefix(end + 1);
    return text;
  }
  // The value of the next line if it begins with `word`.
  std::optional<std::string_view> value(std::string_view word) {
    const bool fits =
        rest_.starts_with(word) && rest_.size() > word.size() && rest_[word.size()] == ' ';
    if (!fits) return std::nullopt;
    auto text = line();
    if (text) text->remove_prefix(word.size() + 1);
    return text;
  }
  template <class Number>
  bool number(std::string_view word, Number& target) {
    const auto text = value(word);
    const auto parsed = text ? ascii::parse_decimal<Number>(*text) : std::nullopt;
    if (parsed) target = *parsed;
    return parsed.has_value();
  }
  bool checksum(std::uint32_t& target) {
    const auto text = value("crc32c");
    if (!text || text->size() != 8) return false;
    const auto parsed = ascii::parse_decimal<std::uint32_t>(*text, 16);
    if (parsed) target = *parsed;
    return parsed.has_value();
  }
  std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
};

bool read_sender(Lines& lines, Submission& target) {
  const auto text = lines.value("from");
  const auto path = text ? smtp::parse_reverse_path(*text) : std::nullopt;
  if (!path || smtp::to_text(*path) != *text) return false;
  target.sender = *text;
  return true;
}

bool read_recipients(Lines& lines, Submission& target) {
  while (const auto text = lines.value("to")) {
    const auto path = smtp::parse_forward_path(*text);
    if (!path || smtp::to_text(*path) != *text) return false;
    if (target.recipients.size() == recipients_max) return false;
    target.recipients.emplace_back(*text);
  }
  return !target.recipients.empty();
}

bool read_options(Lines& lines, Submission& target) {
  unsigned flags = 0;
  if (!lines.number("notify", target.notify.bits) || target.notify.bits > 15) return false;
  const auto ret = lines.value("return");
  const auto envelope_id = lines.value("envid");
  if (!ret || !envelope_id || !lines.number("flags", flags) || flags > 3) return false;
  for (const RetWord& one : ret_words)
    if (one.word == *ret) target.ret = one.ret;
  if (ret_word(target.ret) != *ret) return false;
  if (!envelope_id->empty() && !smtp::is_envelope_id(*envelope_id)) return false;
  target.envelope_id = *envelope_id;
  target.smtputf8 = (flags & 1) != 0;
  target.eight_bit = (flags & 2) != 0;
  return true;
}

}  // namespace

std::string encode_offline(const OfflineMessage& message) {
  const Submission& one = message.submission;
  std::string text;
  const auto target = std::back_inserter(text);
  fmt::format_to(target, "{}\nuid {}\nfrom {}\n", first_line, message.uid, one.sender);
  for (const std::string& recipient : one.recipients) fmt::format_to(target, "to {}\n", recipient);
  fmt::format_to(target, "notify {}\nreturn {}\nenvid {}\nflags {}\n", one.notify.bits,
                 ret_word(one.ret), one.envelope_id,
                 (one.smtputf8 ? 1 : 0) + (one.eight_bit ? 2 : 0));
  fmt::format_to(target, "octets {}\ncrc32c {:08x}\n\n", one.content.size(),
                 crc32c(0, bytes_of(one.content)));
  text += one.content;
  return text;
}

std::optional<OfflineMessage> decode_offline(std::string_view file) {
  OfflineMessage message;
  Submission& one = message.submission;
  Lines lines(file);
  if (lines.line() != first_line) return std::nullopt;
  std::uint64_t octets = 0;
  std::uint32_t checksum = 0;
  const bool read = lines.number("uid", message.uid) && read_sender(lines, one) &&
                    read_recipients(lines, one) && read_options(lines, one) &&
                    lines.number("octets", octets) && lines.checksum(checksum) &&
                    lines.line() == "";
  if (!read) return std::nullopt;
  const std::string_view content = lines.rest();
  if (file.size() - content.size() > offline_envelope_octets_max) return std::nullopt;
  const bool whole = content.size() == octets && crc32c(0, bytes_of(content)) == checksum;
  if (!whole || !content.ends_with("\r\n")) return std::nullopt;
  one.content = content;
  return message;
}

}  // namespace ringpost::submission
