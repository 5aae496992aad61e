// Forged results: see results_remover.h.
#include "proto/auth/results_remover.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "proto/base/ascii.h"

namespace ringpost::auth {
namespace {

constexpr std::string_view field_name = "authentication-results";

bool is_results(std::string_view line) {
  const std::size_t colon = line.find(':');
  return colon != std::string_view::npos &&
         ascii::equal_ignoring_case(ascii::trim(line.substr(0, colon)), field_name);
}

// RFC 5322 3.2.2: blanks, line ends and comments, which nest. False: a comment has no end.
bool skip_comments(std::string_view& text) {
  unsigned depth = 0;
  std::size_t at = 0;
  for (; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '\\' && depth > 0) {
      ++at;
    } else if (c == '(') {
      ++depth;
    } else if (c == ')' && depth > 0) {
      --depth;
    } else if (depth == 0 && c != ' ' && c != '\t' && c != '\r' && c != '\n') {
      break;
    }
  }
  text.remove_prefix(std::min(at, text.size()));
  return depth == 0;
}

// RFC 2045 5.1: a token or a quoted string. Nothing: the string has no end.
std::optional<std::string> take_value(std::string_view text) {
  if (!text.starts_with('"')) {
    const std::size_t end = text.find_first_of(" \t\r\n;(");
    return std::string(text.substr(0, end));
  }
  std::string value;
  for (std::size_t at = 1; at < text.size(); ++at) {
    if (text[at] == '"') return value;
    if (text[at] == '\\' && at + 1 < text.size()) ++at;
    if (text[at] != '\r' && text[at] != '\n') value += text[at];
  }
  return std::nullopt;
}

// As lenient readers see a name: without blanks around it and a dot behind it.
std::string_view plain_id(std::string_view id) {
  id = ascii::trim(id);
  if (id.ends_with('.')) id.remove_suffix(1);
  return id;
}

}  // namespace

bool names_service(std::string_view value, std::string_view service) {
  if (!skip_comments(value)) return true;
  const auto id = take_value(value);
  return !id || ascii::equal_ignoring_case(plain_id(*id), plain_id(service));
}

std::size_t ResultsRemover::edit(Bytes octets, std::string& target) {
  std::string_view text = text_of(octets);
  while (!done_ && !text.empty()) {
    const std::size_t end = text.find('\n');
    const std::string_view part = text.substr(0, end == text.npos ? end : end + 1);
    text.remove_prefix(part.size());
    if (in_long_line_) {
      if (fate_ != Fate::Drop) target += part;
      in_long_line_ = end == std::string_view::npos;
      continue;
    }
    if (end != std::string_view::npos && line_.empty()) {  // most lines come whole
      line_ended(part, target);
      continue;
    }
    line_ += part;
    in_long_line_ = end == std::string_view::npos && line_.size() > field_octets_max;
    if (end != std::string_view::npos || in_long_line_)
      line_ended(std::exchange(line_, {}), target);
  }
  return octets.size() - text.size();
}

// Of a field that is ours the first line may hold nothing but blanks and comments.
void ResultsRemover::line_ended(std::string_view line, std::string& target) {
  const bool goes_on = !line.empty() && ascii::is_blank(line.front());
  if (!goes_on) {
    settle(target);
    fate_ = is_results(line) ? Fate::Unknown : Fate::Pass;
    // A line that is no field does not end the header: others pass over it and read on, as
    // MessageHeader does.
    done_ = line == "\r\n" || line == "\n";
  }
  if (fate_ == Fate::Pass) target += line;
  if (fate_ == Fate::Unknown) held_ += line;
  if (held_.size() > field_octets_max) begin_field(target);
}

// The fate of the field that is held.
void ResultsRemover::begin_field(std::string& target) {
  const std::string field = std::exchange(held_, {});
  const bool is_ours = names_service(std::string_view(field).substr(field.find(':') + 1), service_);
  fate_ = is_ours ? Fate::Drop : Fate::Pass;
  if (is_ours) {
    ++removed_;
  } else {
    target += field;
  }
}

void ResultsRemover::settle(std::string& target) {
  if (!held_.empty()) begin_field(target);
}

void ResultsRemover::finish(std::string& target) {
  if (!line_.empty()) line_ended(std::exchange(line_, {}), target);
  settle(target);
  done_ = true;
}

}  // namespace ringpost::auth
