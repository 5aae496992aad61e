// The rules of style and structure that this project holds itself to, each a pure function.
// Exceptions stand in the rules' own short lists, each with its reason.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "tests/tidy/source_text.h"

namespace ringpost::tidy {

struct Finding {
  std::string path;
  std::size_t line;  // 0: the file or folder as a whole
  std::string text;
};
using Findings = std::vector<Finding>;

// Of one C++ source.
Findings layering(const SourceFile& file);          // rules_layering.cpp
Findings function_sizes(const SourceFile& file);    // at most 70 lines, nesting at most 3
Findings file_sizes(const SourceFile& file);        // 500 lines of at most 100 columns
Findings banned_words(const SourceFile& file);      // calls, types and macros nobody should use
Findings coroutine_places(const SourceFile& file);  // only engine/mta and engine/ring/task.h
Findings leftover_markers(const SourceFile& file);
Findings head_comment(const SourceFile& file);
Findings pragma_once(const SourceFile& file);
Findings vague_names(const SourceFile& file);

// Of any text file, documents and scripts included.
Findings machine_paths(const std::string& path, const std::string& text);

// Of the tree as a whole; paths are all files of the checkout, from its root.
Findings folders_without_readme(const std::vector<std::string>& paths);
Findings tests_without_subject(const std::vector<std::string>& paths);
Findings decoders_without_fuzz_target(const std::vector<std::string>& paths);
Findings fuzz_targets_without_corpus(const std::vector<std::string>& paths);

}  // namespace ringpost::tidy
