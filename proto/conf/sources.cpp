// Files and diagnostics of one parse.
#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "proto/conf/lexer.h"
#include "proto/conf/parse.h"

namespace ringpost::conf {

std::uint32_t Sources::add(std::string path, std::string text) {
  paths_.push_back(std::move(path));
  texts_.push_back(std::move(text));
  return static_cast<std::uint32_t>(paths_.size() - 1);
}

std::vector<std::string> Sources::take_paths() { return std::move(paths_); }

std::string_view Sources::line(Position position) const {
  std::string_view rest = texts_[position.file];
  for (std::uint32_t i = 1; i < position.line && !rest.empty(); ++i) {
    const std::size_t newline = rest.find('\n');
    rest.remove_prefix(newline == std::string_view::npos ? rest.size() : newline + 1);
  }
  rest = rest.substr(0, rest.find('\n'));
  return rest.ends_with('\r') ? rest.substr(0, rest.size() - 1) : rest;
}

void Sources::report(Severity severity, Position position, std::string text) {
  std::string source_line(position.line > 0 ? line(position) : std::string_view());
  report(severity, position, std::move(text), std::move(source_line));
}

void Sources::report(Severity severity, Position position, std::string text,
                     std::string source_line) {
  if (reported_.size() >= diagnostics_max) {
    has_more_ = true;
    return;
  }
  reported_.push_back({position, reported_.size(),
                       Diagnostic{severity, paths_[position.file], position.line, position.column,
                                  std::move(text), std::move(source_line)}});
}

std::vector<Diagnostic> Sources::take_diagnostics() {
  std::ranges::sort(reported_, {},
                    [](const Reported& entry) { return std::pair(entry.position, entry.order); });
  std::vector<Diagnostic> result;
  for (Reported& entry : reported_) result.push_back(std::move(entry.diagnostic));
  reported_.clear();
  if (has_more_) {
    result.push_back({.severity = Severity::Error,
                      .file = paths_[0],
                      .text = fmt::format("more than {} diagnostics", diagnostics_max),
                      .source_line = {}});
  }
  return result;
}

}  // namespace ringpost::conf
