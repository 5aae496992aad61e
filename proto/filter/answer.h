// What a filter process answers, smtpd-filters(7) 0.6: the result of a question, or a line of
// content. A line that is neither is an error that quotes it; the process then breaks the protocol.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <variant>

namespace ringpost::filter {

enum class Verdict : std::uint8_t {
  Proceed,
  Junk,
  Reject,      // text: the reply
  Disconnect,  // text: the reply
  Rewrite,     // text: the parameter in its new form
  Report,      // text: what others shall be told
};

struct Result {
  std::uint64_t session = 0, token = 0;
  Verdict verdict = Verdict::Proceed;
  std::string_view text;  // of the line
};

struct DataLine {
  std::uint64_t session = 0, token = 0;
  bool is_end = false;    // "."
  std::string_view line;  // of the line, dots undone; without its end
};

struct OwnReport {};  // a report of its own making, which nobody here is told of

using Answer = std::variant<Result, DataLine, OwnReport>;

// `line` without its end.
std::expected<Answer, std::string> read_answer(std::string_view line);

}  // namespace ringpost::filter
