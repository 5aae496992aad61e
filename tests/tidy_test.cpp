// Style and structure as a test: every rule of tests/tidy over every file of this checkout.
// A failure names file, line and reason; the rules themselves are tested in
// tests/tidy/rules_test.cpp.
#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "tests/tidy/rules.h"

namespace ringpost::tidy {
namespace {

namespace fs = std::filesystem;

bool is_left_out(const std::string& name) {
  return name.starts_with("build") || name == ".git" || name == ".cache" || name == "__pycache__";
}

std::vector<std::string> paths_of_tree(const fs::path& root) {
  std::vector<std::string> paths;
  std::error_code error;
  auto entry = fs::recursive_directory_iterator(root, error);
  EXPECT_FALSE(error) << root;
  for (; entry != fs::recursive_directory_iterator(); entry.increment(error)) {
    if (is_left_out(entry->path().filename().string()))
      entry.disable_recursion_pending();
    else if (entry->is_regular_file(error))
      paths.push_back(fs::relative(entry->path(), root, error).generic_string());
  }
  std::ranges::sort(paths);
  return paths;
}

const fs::path& root() {
  static const fs::path place(RINGPOST_SOURCE_DIR);
  return place;
}

const std::vector<std::string>& paths() {
  static const std::vector<std::string> all = paths_of_tree(root());
  return all;
}

std::string content_of(const std::string& path) {
  std::ifstream file(root() / path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

bool is_source(std::string_view path) {
  static constexpr std::array<std::string_view, 8> tops{"bench", "engine", "fuzz",  "proto",
                                                        "scan",  "store",  "tests", "tools"};
  return (path.ends_with(".cpp") || path.ends_with(".h")) &&
         std::ranges::find(tops, top_folder(path)) != tops.end();
}

const std::vector<SourceFile>& sources() {
  static const std::vector<SourceFile> all = [] {
    std::vector<SourceFile> files;
    for (const std::string& path : paths())
      if (is_source(path)) files.push_back(source_file(path, content_of(path)));
    return files;
  }();
  return all;
}

void expect_none(const Findings& findings) {
  for (const Finding& finding : findings)
    ADD_FAILURE() << finding.path << ":" << finding.line << ": " << finding.text;
}

void expect_none_in_sources(Findings (*rule)(const SourceFile&)) {
  ASSERT_GT(sources().size(), 10u) << "the sources were not found below " << root();
  for (const SourceFile& file : sources()) expect_none(rule(file));
}

TEST(Tidy, Layering) { expect_none_in_sources(layering); }
TEST(Tidy, FunctionSizes) { expect_none_in_sources(function_sizes); }
TEST(Tidy, FileSizes) { expect_none_in_sources(file_sizes); }
TEST(Tidy, BannedWords) { expect_none_in_sources(banned_words); }
TEST(Tidy, CoroutinePlaces) { expect_none_in_sources(coroutine_places); }
TEST(Tidy, LeftoverMarkers) { expect_none_in_sources(leftover_markers); }
TEST(Tidy, HeadComments) { expect_none_in_sources(head_comment); }
TEST(Tidy, PragmaOnce) { expect_none_in_sources(pragma_once); }
TEST(Tidy, VagueNames) { expect_none_in_sources(vague_names); }

// Corpora are octets for a parser, not text of ours.
TEST(Tidy, NoPathsOfAMachine) {
  for (const std::string& path : paths())
    if (!path.starts_with("fuzz/corpus/")) expect_none(machine_paths(path, content_of(path)));
}

TEST(Tidy, FoldersHaveAReadme) { expect_none(folders_without_readme(paths())); }
TEST(Tidy, DecodersHaveFuzzTargets) { expect_none(decoders_without_fuzz_target(paths())); }
TEST(Tidy, TestsMirrorTheTree) { expect_none(tests_without_subject(paths())); }
TEST(Tidy, FuzzTargetsHaveSeeds) { expect_none(fuzz_targets_without_corpus(paths())); }

}  // namespace
}  // namespace ringpost::tidy
