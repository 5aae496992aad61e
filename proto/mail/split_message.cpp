// Header and body: see split_message.h.
#include "proto/mail/split_message.h"

#include <algorithm>

#include "proto/base/ascii.h"

namespace ringpost::mail {
namespace {

struct Line {
  std::string_view text;  // without its line end
  std::size_t octets = 0;
};

Line first_line(std::string_view text) {
  const std::size_t end = text.find('\n');
  Line line{text.substr(0, end), end == text.npos ? text.size() : end + 1};
  if (end != text.npos && line.text.ends_with('\r')) line.text.remove_suffix(1);
  return line;
}

// RFC 5322 2.2; blanks before the colon as in 4.5.8. Empty: the line is no field.
std::string_view name_of(std::string_view line) {
  const std::size_t colon = line.find(':');
  if (colon == line.npos) return {};
  const std::string_view name = ascii::trim(line.substr(0, colon));
  const bool printable = std::ranges::all_of(name, [](char c) { return c > ' ' && c <= '~'; });
  return printable && !ascii::is_blank(line.front()) ? name : std::string_view{};
}

}  // namespace

SplitMessage split_message(std::string_view message) {
  SplitMessage result;
  if (message.starts_with("From ") || message.starts_with(">From "))
    message.remove_prefix(first_line(message).octets);
  while (!message.empty()) {
    Line line = first_line(message);
    const std::string_view name = name_of(line.text);
    if (name.empty()) {
      if (line.text.empty()) message.remove_prefix(line.octets);
      break;
    }
    // RFC 5322 2.2.3: a line that begins with a blank goes on with the field before it.
    std::size_t octets = line.octets;
    std::size_t end = line.text.size();
    while (octets < message.size() && ascii::is_blank(message[octets])) {
      line = first_line(message.substr(octets));
      end = octets + line.text.size();
      octets += line.octets;
    }
    const std::size_t colon = message.find(':');
    result.fields.push_back({name, message.substr(colon + 1, end - colon - 1)});
    message.remove_prefix(octets);
  }
  result.body = message;
  return result;
}

}  // namespace ringpost::mail
