// What differs between the two syntaxes is little: inside of brackets a backslash is itself in
// POSIX, and so is a bracket; \< and \> are boundaries of words.
#include "scan/pattern/posix.h"

#include <algorithm>
#include <utility>

#include "proto/base/ascii.h"

namespace ringpost::scan {
namespace {

constexpr std::string_view ignore_case = "(?i)";

class Translation {
 public:
  explicit Translation(std::string_view rest) : rest_(rest) {}

  std::expected<std::string, std::string> run() {
    while (!rest_.empty() && error_.empty()) {
      const char c = take();
      if (c == '\\') {
        escape();
      } else if (c == '[') {
        bracket();
      } else {
        made_ += c;
      }
    }
    if (!error_.empty()) return std::unexpected(std::move(error_));
    return std::move(made_);
  }

 private:
  char take() {
    const char c = rest_.front();
    rest_.remove_prefix(1);
    return c;
  }

  void escape() {
    if (rest_.empty()) {
      error_ = "the expression ends in a backslash";
      return;
    }
    const char c = take();
    if (ascii::is_digit(c)) {
      error_ = "back-references are not supported";
    } else if (c == '<' || c == '>') {
      made_ += "\\b";
    } else {
      made_ += '\\';
      made_ += c;
    }
  }

  // Behind the '['.
  void bracket() {
    made_ += '[';
    if (rest_.starts_with('^')) made_ += take();
    if (rest_.starts_with(']')) {
      made_ += "\\]";
      take();
    }
    while (!rest_.empty() && error_.empty()) {
      const char c = take();
      if (c == ']') {
        made_ += c;
        return;
      }
      if (c == '[' && !rest_.empty() && std::string_view(":.=").contains(rest_.front())) {
        bracket_class();
      } else {
        if (c == '\\' || c == '[') made_ += '\\';
        made_ += c;
      }
    }
    if (error_.empty()) error_ = "missing ']'";
  }

  // Behind the '[' of [:alpha:], [.a.] or [=a=].
  void bracket_class() {
    const char kind = take();
    const std::size_t end = rest_.find(std::string{kind, ']'});
    if (end == std::string_view::npos) {
      error_ = std::string("missing '") + kind + "]'";
      return;
    }
    const std::string_view name = rest_.substr(0, end);
    rest_.remove_prefix(end + 2);
    if (kind == ':') {
      made_ += "[:";
      made_ += name;
      made_ += ":]";
    } else if (name.size() != 1) {
      error_ = "collating elements of several characters are not supported";
    } else {
      if (!ascii::is_alnum(name.front())) made_ += '\\';
      made_ += name;
    }
  }

  std::string_view rest_;
  std::string made_;
  std::string error_;
};

}  // namespace

std::expected<Pattern, std::string> translate_posix(std::string_view expression) {
  Pattern pattern;
  pattern.options.dot_all = true;  // in POSIX '.' is any character
  pattern.options.allow_empty = true;
  if (expression.starts_with(ignore_case)) {
    pattern.options.any_case = true;
    expression.remove_prefix(ignore_case.size());
  }
  auto translated = Translation(expression).run();
  if (!translated) return std::unexpected(std::move(translated.error()));
  pattern.expression = std::move(*translated);
  return pattern;
}

std::expected<Database, std::vector<PatternError>> compile_posix(
    std::span<const std::string_view> expressions) {
  std::vector<Pattern> patterns;
  std::vector<std::size_t> places;  // in `expressions`, of each pattern
  std::vector<PatternError> errors;
  for (std::size_t i = 0; i < expressions.size(); ++i) {
    auto pattern = translate_posix(expressions[i]);
    if (!pattern) {
      errors.push_back({i, std::move(pattern.error())});
      continue;
    }
    patterns.push_back(std::move(*pattern));
    places.push_back(i);
  }
  auto database = Database::compile(patterns);
  if (database && errors.empty()) return database;
  if (!database && !(patterns.empty() && !errors.empty())) {
    for (PatternError& error : database.error()) {
      if (error.index) error.index = places[*error.index];
      errors.push_back(std::move(error));
    }
  }
  std::ranges::sort(errors, {}, &PatternError::index);
  return std::unexpected(std::move(errors));
}

}  // namespace ringpost::scan
