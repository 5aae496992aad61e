// What the operator wrote wrongly, and where: the third of the four kinds of errors (design,
// Conventions). A parse reports all of them, in the order of the text; a Warning never prevents a
// start, an Unsupported one prevents the start but not the check: it is right, and not there yet.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace ringpost::conf {

// A place in the text: `file` is an index into Config::files (0 is the main file), line and column
// count from 1, columns in octets. Line 0 means the file as a whole.
struct Position {
  std::uint32_t file = 0;
  std::uint32_t line = 0;
  std::uint32_t column = 0;
  constexpr auto operator<=>(const Position&) const = default;
};

enum class Severity : std::uint8_t { Error, Warning, Unsupported };

struct Diagnostic {
  Severity severity = Severity::Error;
  std::string file;
  std::uint32_t line = 0;
  std::uint32_t column = 0;
  std::string text;         // one sentence without a full stop, names what was expected
  std::string source_line;  // the line it speaks of, without its end; empty when there is none
};

// "file:line:column: text", with "warning: " or "note: " before the text of what is no error.
std::string to_text(const Diagnostic& diagnostic);

// The same, followed by the source line and a line with a caret below the column.
std::string to_text_with_caret(const Diagnostic& diagnostic);

bool has_error(const std::vector<Diagnostic>& diagnostics);
// For a start or a reload: what does not exist yet becomes an error. False when there was nothing.
bool refuse_unsupported(std::vector<Diagnostic>& diagnostics);

}  // namespace ringpost::conf
