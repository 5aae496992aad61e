// The reply grammar of RFC 5321 4.2.1; see reply_parser.h for bounds and failures.
// A line ends at LF, with or without CR before it: a lax server's mail would otherwise wait for
// ever, and nothing can be smuggled to us inside a reply.
#include "proto/smtp/reply_parser.h"

#include <algorithm>

#include "proto/base/ascii.h"

namespace ringpost::smtp {
namespace {

// The code at the start of a line; nothing when there is none (RFC 5321 4.2: 2yz to 5yz).
std::optional<std::uint16_t> code_of(std::string_view line) {
  if (line.size() < 3 || line[0] < '2' || line[0] > '5') return std::nullopt;
  if (!ascii::is_digit(line[1]) || !ascii::is_digit(line[2])) return std::nullopt;
  return static_cast<std::uint16_t>((line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0'));
}

}  // namespace

void ReplyParser::start() {
  state_ = State::Incomplete;
  code_ = 0;
  enhanced_ = {};
  lines_ = 0;
  text_.clear();
}

std::size_t ReplyParser::receive(Bytes octets) {
  if (octets.empty() || state_ == State::Malformed) return octets.size();
  if (state_ == State::Complete) start();
  std::size_t taken = 0;
  while (taken < octets.size() && state_ == State::Incomplete) {
    const std::string_view rest = text_of(octets.subspan(taken));
    const std::size_t feed = rest.find('\n');
    const std::size_t line = std::min(feed, rest.size());
    taken += std::min(line + 1, rest.size());
    if (partial_.size() + line > reply_line_kept_max) {
      state_ = State::Malformed;
    } else if (feed == std::string_view::npos) {
      partial_ += rest;
    } else if (partial_.empty()) {
      take_line(rest.substr(0, line));
    } else {
      partial_ += rest.substr(0, line);
      take_line(partial_);
      partial_.clear();
    }
  }
  return state_ == State::Malformed ? octets.size() : taken;
}

void ReplyParser::take_line(std::string_view line) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  const auto code = code_of(line);
  const char separator = line.size() > 3 ? line[3] : ' ';  // RFC 5321 4.2.1: the text is optional
  const bool fits = code && (separator == ' ' || separator == '-') &&
                    (lines_ == 0 || *code == code_) && lines_ < reply_lines_max;
  if (!fits) {
    state_ = State::Malformed;
    return;
  }
  code_ = *code;
  take_text(line.substr(std::min<std::size_t>(4, line.size())));
  ++lines_;
  if (separator == ' ') state_ = State::Complete;
}

void ReplyParser::take_text(std::string_view text) {
  const EnhancedStatus enhanced = take_enhanced(text, code_ / 100u);
  if (!enhanced_.is_present()) enhanced_ = enhanced;
  const std::size_t separator = lines_ > 0 ? 1 : 0;
  if (text_.size() + separator + text.size() > reply_text_octets_max) return;
  if (separator > 0) text_ += '\n';
  for (const char c : text) text_ += c == '\t' ? ' ' : ascii::is_control(c) ? '?' : c;
}

}  // namespace ringpost::smtp
