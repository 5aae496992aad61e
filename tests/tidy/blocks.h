// Finds the functions of a source file by its braces, and how deep control statements nest in them.
// A measure for a style rule, not a parser: it knows the forms that this project's format produces.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "tests/tidy/source_text.h"

namespace ringpost::tidy {

struct FunctionExtent {
  std::string name;
  std::size_t first_line = 0;  // of its signature
  std::size_t last_line = 0;   // of its closing brace
  std::size_t nesting = 0;     // deepest control statement: 1 for an `if` in the body
  std::size_t nesting_line = 0;
};

std::vector<FunctionExtent> functions_of(const SourceFile& file);

}  // namespace ringpost::tidy
