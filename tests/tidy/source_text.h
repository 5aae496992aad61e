// One source file as the style rules see it: the text, and the text without comments and literals.
// Pure functions of the text. A file that is no valid C++ gives odd findings, never a crash.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace ringpost::tidy {

struct SourceFile {
  std::string path;  // from the root of the sources: "proto/base/bytes.h"
  std::string text;
  std::string code;  // text with every comment and literal blanked; same length, same lines
};

SourceFile source_file(std::string path, std::string text);

// The lines of a text without their line ends. Views into it.
std::vector<std::string_view> lines_of(std::string_view text);

// Counted from 1.
std::size_t line_at(std::string_view text, std::size_t offset);

bool is_word_octet(char octet);

// Offset of the next occurrence of a word that is not part of a longer one; npos when there is
// none.
std::size_t find_word(std::string_view code, std::string_view word, std::size_t from = 0);

std::string_view trimmed(std::string_view text);

// The first folder, and the first two, of a path: "engine", "engine/ring".
std::string_view top_folder(std::string_view path);
std::string_view stratum_of(std::string_view path);

}  // namespace ringpost::tidy
