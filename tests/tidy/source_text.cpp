// Blanks comments and literals by walking the text once; raw strings and digit separators included.
#include "tests/tidy/source_text.h"

#include <algorithm>
#include <utility>

namespace ringpost::tidy {
namespace {

constexpr auto npos = std::string_view::npos;

// An apostrophe inside a number separates digits; anywhere else it opens a character literal.
bool separates_digits(std::string_view text, std::size_t at) {
  std::size_t start = at;
  while (start > 0 && (is_word_octet(text[start - 1]) || text[start - 1] == '\'')) --start;
  return start < at && text[start] >= '0' && text[start] <= '9';
}

std::size_t end_of_quoted(std::string_view text, std::size_t open) {
  for (std::size_t at = open + 1; at < text.size(); ++at) {
    if (text[at] == '\\') {
      ++at;
    } else if (text[at] == text[open]) {
      return at + 1;
    } else if (text[at] == '\n') {
      return at;
    }
  }
  return text.size();
}

std::size_t end_of_raw(std::string_view text, std::size_t quote) {
  const std::size_t open = text.find('(', quote);
  if (open == npos) return text.size();
  const std::string close = ")" + std::string(text.substr(quote + 1, open - quote - 1)) + "\"";
  const std::size_t found = text.find(close, open);
  return found == npos ? text.size() : found + close.size();
}

// Where the comment or literal that begins here ends; `at` itself when none begins here.
std::size_t end_of_blank(std::string_view text, std::size_t at) {
  const std::string_view rest = text.substr(at);
  if (rest.starts_with("//")) return std::min(text.find('\n', at), text.size());
  if (rest.starts_with("/*")) {
    const std::size_t close = text.find("*/", at + 2);
    return close == npos ? text.size() : close + 2;
  }
  if (rest[0] == '"') {
    const bool raw = at > 0 && text[at - 1] == 'R' && (at < 2 || !is_word_octet(text[at - 2]));
    return raw ? end_of_raw(text, at) : end_of_quoted(text, at);
  }
  if (rest[0] == '\'' && !separates_digits(text, at)) return end_of_quoted(text, at);
  return at;
}

std::string without_comments_and_literals(std::string_view text) {
  std::string code(text);
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t end = end_of_blank(text, at);
    for (std::size_t i = at; i < end; ++i)
      if (code[i] != '\n') code[i] = ' ';
    at = std::max(end, at + 1);
  }
  return code;
}

}  // namespace

SourceFile source_file(std::string path, std::string text) {
  std::string code = without_comments_and_literals(text);
  return {std::move(path), std::move(text), std::move(code)};
}

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    lines.push_back(text.substr(0, end));
    text.remove_prefix(end == npos ? text.size() : end + 1);
  }
  return lines;
}

std::size_t line_at(std::string_view text, std::size_t offset) {
  const auto before = text.substr(0, offset);
  return 1 + static_cast<std::size_t>(std::ranges::count(before, '\n'));
}

bool is_word_octet(char octet) {
  return (octet >= 'a' && octet <= 'z') || (octet >= 'A' && octet <= 'Z') ||
         (octet >= '0' && octet <= '9') || octet == '_';
}

std::size_t find_word(std::string_view code, std::string_view word, std::size_t from) {
  for (std::size_t at = code.find(word, from); at != npos; at = code.find(word, at + 1)) {
    const std::size_t end = at + word.size();
    const bool starts = at == 0 || !is_word_octet(code[at - 1]) || !is_word_octet(word.front());
    const bool ends =
        end == code.size() || !is_word_octet(code[end]) || !is_word_octet(word.back());
    if (starts && ends) return at;
  }
  return npos;
}

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\n");
  if (first == npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\n") - first + 1);
}

std::string_view top_folder(std::string_view path) { return path.substr(0, path.find('/')); }

std::string_view stratum_of(std::string_view path) {
  const std::size_t first = path.find('/');
  if (first == npos) return path;
  return path.substr(0, path.find('/', first + 1));
}

}  // namespace ringpost::tidy
