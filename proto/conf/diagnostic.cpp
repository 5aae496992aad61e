// Printing of diagnostics in the form that editors and people know.
#include "proto/conf/diagnostic.h"

#include <algorithm>

#include <fmt/format.h>

namespace ringpost::conf {
namespace {

const char* kind_of(Severity severity) {
  switch (severity) {
    case Severity::Error:
      break;
    case Severity::Warning:
      return "warning: ";
    case Severity::Unsupported:
      return "note: ";
  }
  return "";
}

}  // namespace

std::string to_text(const Diagnostic& diagnostic) {
  std::string place = diagnostic.file;
  if (diagnostic.line > 0) {
    place += fmt::format(":{}", diagnostic.line);
    if (diagnostic.column > 0) place += fmt::format(":{}", diagnostic.column);
  }
  return fmt::format("{}: {}{}", place, kind_of(diagnostic.severity), diagnostic.text);
}

std::string to_text_with_caret(const Diagnostic& diagnostic) {
  std::string text = to_text(diagnostic);
  if (diagnostic.source_line.empty() || diagnostic.column == 0) return text;
  const std::size_t before =
      std::min<std::size_t>(diagnostic.column - 1, diagnostic.source_line.size());
  std::string indent = diagnostic.source_line.substr(0, before);
  // Tabs stay, so that the caret stands below its column however wide a tab is shown.
  std::ranges::replace_if(indent, [](char c) { return c != '\t'; }, ' ');
  text += fmt::format("\n  {}\n  {}^", diagnostic.source_line, indent);
  return text;
}

bool has_error(const std::vector<Diagnostic>& diagnostics) {
  return std::ranges::any_of(diagnostics,
                             [](const Diagnostic& d) { return d.severity == Severity::Error; });
}

bool refuse_unsupported(std::vector<Diagnostic>& diagnostics) {
  bool is_refused = false;
  for (Diagnostic& diagnostic : diagnostics) {
    if (diagnostic.severity != Severity::Unsupported) continue;
    diagnostic.severity = Severity::Error;
    is_refused = true;
  }
  return is_refused;
}

}  // namespace ringpost::conf
