// Each rule of tests/tidy must find what it is for in a bad sample, and nothing in a good one.
#include "tests/tidy/rules.h"

#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "tests/tidy/blocks.h"

namespace ringpost::tidy {
namespace {

SourceFile sample(std::string path, std::string text) {
  return source_file(std::move(path), std::move(text));
}

std::string function_of(std::size_t lines) {
  std::string text = "int f() {\n";
  for (std::size_t i = 0; i + 2 < lines; ++i) text += "  step();\n";
  return text + "}\n";
}

TEST(TidySourceText, BlanksCommentsAndLiteralsAndKeepsLines) {
  const auto file =
      sample("a.cpp", "a(\"{\"); // {\nb('{'); /* {\n*/ c(R\"x({)\")x\"); 1'000'000;");
  EXPECT_FALSE(file.code.contains('{'));
  EXPECT_TRUE(file.code.contains("b("));
  EXPECT_TRUE(file.code.contains("c("));
  EXPECT_TRUE(file.code.contains("1'000'000"));
  EXPECT_EQ(file.code.size(), file.text.size());
  EXPECT_EQ(lines_of(file.code).size(), 3u);
}

TEST(TidySourceText, SurvivesWhatIsNotClosed) {
  for (const char* text : {"\"abc", "'", "R\"(", "/* x", "R\"", "{{{", "}}}", "int f() {"})
    EXPECT_NO_FATAL_FAILURE(functions_of(sample("a.cpp", text)));
}

TEST(TidyBlocks, FindsFunctionsMethodsAndTests) {
  const auto found = functions_of(sample("a.cpp",
                                         "namespace x {\n"
                                         "class A : public B {\n"
                                         " public:\n"
                                         "  A() : a_{1}, b_(2) { run(); }\n"
                                         "  int b() const noexcept { return 1; }\n"
                                         "  int c_{3};\n"
                                         "};\n"
                                         "constexpr int table[] = {1, 2, f(3)};\n"
                                         "template <class T>\n"
                                         "auto g(T t) -> int {\n"
                                         "  call([&](int x) { return x; }, A{.a = 1});\n"
                                         "}\n"
                                         "bool operator==(const A&, const A&) { return true; }\n"
                                         "TEST(Suite, Case) {\n"
                                         "}\n"
                                         "}\n"));
  ASSERT_EQ(found.size(), 5u);
  EXPECT_EQ(found[0].name, "A");
  EXPECT_EQ(found[0].first_line, 4u);
  EXPECT_EQ(found[1].name, "b");
  EXPECT_EQ(found[2].name, "g");
  EXPECT_EQ(found[2].first_line, 9u);
  EXPECT_EQ(found[2].last_line, 12u);
  EXPECT_EQ(found[4].name, "TEST");
}

TEST(TidyBlocks, MeasuresTheNestingOfControlStatements) {
  const auto found = functions_of(sample("a.cpp",
                                         "void f() {\n"
                                         "  if (a) {\n"
                                         "  } else if (b) {\n"
                                         "    for (;;)\n"
                                         "      while (c) {\n"
                                         "        g([] { return A{}; });\n"
                                         "      }\n"
                                         "  }\n"
                                         "}\n"));
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].nesting, 3u);
  EXPECT_EQ(found[0].nesting_line, 5u);
}

TEST(TidyRules, FunctionsFitOnAScreen) {
  EXPECT_TRUE(function_sizes(sample("a.cpp", function_of(70))).empty());
  const auto findings = function_sizes(sample("a.cpp", function_of(71)));
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].text, "f has 71 lines");
}

TEST(TidyRules, ControlStatementsNestThreeDeepAtMost) {
  const std::string three = "void f() { if (a) { for (;;) { while (b) { x(); } } } }";
  const std::string four =
      "void f() { if (a) { for (;;) { while (b) { do { x(); } while (c); } } } }";
  EXPECT_TRUE(function_sizes(sample("a.cpp", three)).empty());
  EXPECT_EQ(function_sizes(sample("a.cpp", four)).size(), 1u);
}

TEST(TidyRules, FilesAndLinesHaveLimits) {
  std::string lines;
  for (int i = 0; i < 500; ++i) lines += "x\n";
  EXPECT_TRUE(file_sizes(sample("a.cpp", lines)).empty());
  EXPECT_EQ(file_sizes(sample("a.cpp", lines + "x\n")).size(), 1u);
  EXPECT_TRUE(file_sizes(sample("a.cpp", std::string(100, 'x'))).empty());
  EXPECT_EQ(file_sizes(sample("a.cpp", std::string(101, 'x'))).size(), 1u);
  std::string umlauts;
  for (int i = 0; i < 100; ++i) umlauts += "ü";
  EXPECT_TRUE(file_sizes(sample("a.cpp", umlauts)).empty()) << "columns are not octets";
}

struct IncludeCase {
  const char* path;
  const char* include;
  bool allowed;
};

void PrintTo(const IncludeCase& tried, std::ostream* out) {
  *out << tried.path << (tried.allowed ? " may include " : " may not include ") << tried.include;
}

class TidyLayering : public testing::TestWithParam<IncludeCase> {};

TEST_P(TidyLayering, AllowsOnlyWhatLiesBelow) {
  const auto& [path, include, allowed] = GetParam();
  const auto file = sample(path, "// x\n#include " + std::string(include) + "\n");
  EXPECT_EQ(layering(file).empty(), allowed) << path << " includes " << include;
}

INSTANTIATE_TEST_SUITE_P(
    Includes, TidyLayering,
    testing::Values(IncludeCase{"proto/smtp/a.h", "\"proto/base/bytes.h\"", true},
                    IncludeCase{"proto/smtp/a.h", "<vector>", true},
                    IncludeCase{"proto/smtp/a.h", "<fmt/format.h>", true},
                    IncludeCase{"proto/smtp/a.h", "<unistd.h>", false},
                    IncludeCase{"proto/smtp/a.h", "<sys/socket.h>", false},
                    IncludeCase{"proto/smtp/a.h", "<fstream>", false},
                    IncludeCase{"proto/smtp/a.h", "\"store/log/record.h\"", false},
                    IncludeCase{"proto/smtp/a.h", "\"a_sibling.h\"", false},
                    IncludeCase{"store/log/a.h", "\"proto/base/bytes.h\"", true},
                    IncludeCase{"store/log/a.h", "\"scan/pattern/database.h\"", false},
                    IncludeCase{"store/log/a.h", "<hs/hs.h>", false},
                    IncludeCase{"scan/pattern/a.h", "<hs/hs.h>", true},
                    IncludeCase{"scan/pattern/a.h", "\"store/log/record.h\"", false},
                    IncludeCase{"scan/pattern/a.h", "\"engine/ring/ring.h\"", false},
                    IncludeCase{"engine/ring/a.h", "\"proto/base/clock.h\"", true},
                    IncludeCase{"engine/ring/a.h", "\"engine/memory/buffer.h\"", false},
                    IncludeCase{"engine/net/a.h", "\"engine/memory/buffer.h\"", true},
                    IncludeCase{"engine/net/a.h", "\"engine/disk/direct_file.h\"", false},
                    IncludeCase{"engine/net/a.h", "\"proto/smtp/reply.h\"", false},
                    IncludeCase{"engine/observe/a.h", "\"store/log/record.h\"", false},
                    IncludeCase{"engine/mta/a.h", "\"store/log/record.h\"", true},
                    IncludeCase{"engine/mta/a.h", "\"engine/net/stream.h\"", true},
                    IncludeCase{"engine/mta/a.h", "\"tools/load/source.h\"", false},
                    IncludeCase{"tools/load/a.h", "\"engine/net/stream.h\"", true},
                    IncludeCase{"tools/load/a.h", "\"tests/support/x.h\"", false},
                    IncludeCase{"tests/proto/a.cpp", "\"tests/support/x.h\"", true},
                    IncludeCase{"fuzz/a_fuzz.cpp", "\"tests/support/x.h\"", true}));

TEST(TidyRules, BannedCallsAreFoundAndNamesakesAreNot) {
  const auto bad = [](const char* path, const char* text) {
    return banned_words(sample(path, text)).size();
  };
  EXPECT_EQ(bad("proto/a.cpp", "void f() { sprintf(a, b); }"), 1u);
  EXPECT_EQ(bad("proto/a.cpp", "void f() { std::rand(); ::system(x); }"), 2u);
  EXPECT_EQ(bad("proto/a.cpp", "std::regex pattern;"), 1u);
  EXPECT_EQ(bad("store/a.cpp", "static std::thread t;"), 1u);
  EXPECT_EQ(bad("engine/ring/a.cpp", "std::thread t;"), 0u);
  EXPECT_EQ(bad("tests/store/a_test.cpp", "std::thread t;"), 0u);
  EXPECT_EQ(bad("proto/a.cpp", "x.system(1); Policy::system(2); static Home system();"), 0u);
  EXPECT_EQ(bad("proto/a.cpp", "int f() { if (a) return system(x); else system(y); }"), 2u);
  EXPECT_EQ(bad("proto/a.cpp", "snprintf(a, b); static_assert(true); fmt::print(\"atoi(\");"), 0u);
  EXPECT_EQ(bad("proto/a.cpp", "#define TWICE(x) x x"), 1u);
  EXPECT_EQ(bad("proto/base/check.h", "#define CHECK(x) x"), 0u);
}

TEST(TidyRules, CoroutinesStayInTheirPlaces) {
  const char* const text = "Task<void> f() { co_await g(); }";
  EXPECT_EQ(coroutine_places(sample("engine/net/stream.cpp", text)).size(), 1u);
  EXPECT_EQ(coroutine_places(sample("proto/smtp/a.cpp", text)).size(), 1u);
  EXPECT_TRUE(coroutine_places(sample("engine/mta/delivery.cpp", text)).empty());
  EXPECT_TRUE(coroutine_places(sample("engine/ring/task.h", text)).empty());
}

TEST(TidyRules, MarkersAreFoundInCommentsToo) {
  EXPECT_EQ(leftover_markers(sample("a.cpp",
                                    "// TO"
                                    "DO: later\n"))
                .size(),
            1u);
  EXPECT_EQ(leftover_markers(sample("a.cpp",
                                    "int x;  // FIX"
                                    "ME\n"))
                .size(),
            1u);
  EXPECT_TRUE(leftover_markers(sample("a.cpp", "// todo lists are mail, too\n")).empty());
}

TEST(TidyRules, FilesSayWhatTheyAre) {
  EXPECT_EQ(head_comment(sample("a.cpp", "#include <x>\n")).size(), 1u);
  EXPECT_TRUE(head_comment(sample("a.cpp", "// What it is.\n")).empty());
  EXPECT_EQ(pragma_once(sample("a.h", "// x\nint f();\n")).size(), 1u);
  EXPECT_EQ(pragma_once(sample("a.h", "// #pragma once\nint f();\n")).size(), 1u);
  EXPECT_TRUE(pragma_once(sample("a.h", "// x\n#pragma once\nint f();\n")).empty());
  EXPECT_TRUE(pragma_once(sample("a.cpp", "// x\n")).empty());
}

TEST(TidyRules, NamesSaySomething) {
  EXPECT_EQ(vague_names(sample("a.h", "int get_size();")).size(), 1u);
  EXPECT_EQ(vague_names(sample("a.h", "class SpoolManager;")).size(), 1u);
  EXPECT_EQ(vague_names(sample("a.h", "struct Impl;")).size(), 1u);
  EXPECT_TRUE(
      vague_names(sample("a.h", "std::get_if<A>(&v); j.get_ref<B>(); target_get_x();")).empty());
  EXPECT_TRUE(vague_names(sample("a.h", "class Utility; int Implicit;")).empty());
}

TEST(TidyRules, PathsOfAMachineDoNotBelongInTheTree) {
  EXPECT_EQ(machine_paths("a.md",
                          "see /wo"
                          "rk/main/x")
                .size(),
            1u);
  EXPECT_EQ(machine_paths("a.md",
                          "see /tmp/w"
                          "t/x and /ro"
                          "ot/y")
                .size(),
            2u);
  EXPECT_TRUE(machine_paths("a.md",
                            "/var/spool/ringpost, net"
                            "/wo"
                            "rk/x, $HOME/x")
                  .empty());
}

TEST(TidyTree, FoldersOfCodeHaveAReadme) {
  const std::vector<std::string> readmes{"proto/README.md",  "scan/README.md",  "store/README.md",
                                         "engine/README.md", "tools/README.md", "tests/README.md",
                                         "bench/README.md",  "fuzz/README.md"};
  EXPECT_TRUE(folders_without_readme(readmes).empty());
  auto paths = readmes;
  paths.push_back("proto/smtp/reply.h");
  ASSERT_EQ(folders_without_readme(paths).size(), 1u);
  EXPECT_EQ(folders_without_readme(paths)[0].path, "proto/smtp/README.md");
  paths.push_back("proto/smtp/README.md");
  EXPECT_TRUE(folders_without_readme(paths).empty());
}

TEST(TidyTree, TestsMirrorTheTree) {
  const std::vector<std::string> sources{"proto/smtp/reply.h", "proto/base/crc32c.h"};
  const auto findings = [&](const char* test) {
    auto paths = sources;
    paths.emplace_back(test);
    return tests_without_subject(paths).size();
  };
  EXPECT_EQ(findings("tests/proto/smtp/reply_test.cpp"), 0u);
  EXPECT_EQ(findings("tests/proto/smtp/reply_limits_test.cpp"), 0u);
  EXPECT_EQ(findings("tests/proto/base/base_test.cpp"), 0u);
  EXPECT_EQ(findings("tests/proto/smtp/gone_test.cpp"), 1u);
  EXPECT_EQ(findings("tests/proto/nowhere/nowhere_test.cpp"), 1u);
  EXPECT_EQ(findings("tests/sim/disk/crash_test.cpp"), 0u) << "the simulator mirrors nothing";
}

TEST(TidyTree, DecodersHaveFuzzTargetsAndTheseHaveSeeds) {
  const auto findings = decoders_without_fuzz_target({"proto/smtp/command.h"});
  EXPECT_FALSE(findings.empty());
  EXPECT_EQ(findings[0].path, "fuzz/smtp_command_fuzz.cpp");
  const std::string target = "fuzz/x_fuzz.cpp";
  EXPECT_EQ(fuzz_targets_without_corpus({target}).size(), 2u);
  EXPECT_EQ(fuzz_targets_without_corpus({target, "fuzz/corpus/x/1"}).size(), 1u);
  EXPECT_TRUE(fuzz_targets_without_corpus({target, "fuzz/corpus/x/1", "fuzz/dict/x.dict"}).empty());
}

}  // namespace
}  // namespace ringpost::tidy
