// Rules that look at one source file.
#include "tests/tidy/rules.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "tests/tidy/blocks.h"

namespace ringpost::tidy {
namespace {

constexpr auto npos = std::string_view::npos;
constexpr std::size_t function_lines_max = 70;
constexpr std::size_t nesting_max = 3;
constexpr std::size_t file_lines_max = 500;
constexpr std::size_t line_columns_max = 100;

// A word that code may not use, why, and the folder (prefix of a path) where it may be used.
struct Banned {
  std::string_view word;
  std::string_view why;
  std::string_view except = "-";
};

constexpr std::array<Banned, 36> banned{{
    {"sprintf", "fmt::format_to or fmt::format"},
    {"vsprintf", "fmt::format"},
    {"strcpy", "std::string or memcpy with a length"},
    {"strcat", "std::string"},
    {"strncpy", "std::string or memcpy with a length"},
    {"strtok", "it keeps state"},
    {"gets", "it has no limit"},
    {"atoi", "it hides errors; std::from_chars"},
    {"atol", "it hides errors; std::from_chars"},
    {"strtol", "it depends on the locale; std::from_chars"},
    {"strtoul", "it takes a sign; std::from_chars"},
    {"sscanf", "it hides errors; std::from_chars"},
    {"rand", "not random"},
    {"srand", "not random"},
    {"gethostbyname", "it blocks"},
    {"getaddrinfo", "it blocks (listeners are resolved before any core runs)",
     "engine/mta/listen_addresses.cpp"},
    {"localtime", "it keeps state and depends on TZ"},
    {"gmtime", "it keeps state"},
    {"system", "it runs a shell"},
    {"popen", "it runs a shell"},
    {"alloca", "it has no limit"},
    {"setjmp", "it skips destructors"},
    {"longjmp", "it skips destructors"},
    {"std::regex", "19,000 times slower than Hyperscan"},
    {"std::async", "it hides a thread"},
    {"std::endl", "it flushes"},
    {"std::cout", "fmt::print or std::fwrite"},
    {"std::cerr", "fmt::print or std::fwrite"},
    {"std::thread", "one thread per core, made in engine", "engine/"},
    {"std::jthread", "one thread per core, made in engine", "engine/"},
    {"std::mutex", "cores share nothing", "engine/"},
    {"const_cast", "say what is mutable (iovec and its like lie in engine)", "engine/"},
    {"dynamic_cast", "built without RTTI"},
    {"volatile", "it orders nothing; std::atomic"},
    {"assert", "CHECK stays in release builds"},
    {"goto", "no"},
}};

// Tests and benches may start threads and use what they test against.
bool tests_may(std::string_view path) {
  const std::string_view top = top_folder(path);
  return top == "tests" || top == "bench" || top == "tools";
}

bool is_excepted(const Banned& rule, std::string_view path) {
  return rule.except != "-" && (path.starts_with(rule.except) || tests_may(path));
}

// `x.system(` or `Foo::rand` is a name of the project's own; `std::rand` is the banned one.
bool names_something_else(std::string_view code, std::size_t at) {
  const std::string_view before = code.substr(0, at);
  if (before.ends_with('.') || before.ends_with("->")) return true;
  return before.ends_with("::") && !before.ends_with("std::") && !before.ends_with(" ::");
}

// `static Home system();` declares a name of the project's own: a type stands before it.
bool is_declared(std::string_view code, std::size_t at) {
  const std::string_view before = trimmed(code.substr(0, at));
  if (before.empty() || !(is_word_octet(before.back()) || before.ends_with('>'))) return false;
  static constexpr std::array<std::string_view, 4> no_types{"return", "else", "do", "co_await"};
  return std::ranges::none_of(no_types, [&](std::string_view word) {
    return before.ends_with(word) && (before.size() == word.size() ||
                                      !is_word_octet(before[before.size() - word.size() - 1]));
  });
}

bool is_call_or_qualified(std::string_view code, std::string_view word, std::size_t at) {
  if (word.contains(':') || word.ends_with("_cast") || word == "volatile" || word == "goto")
    return true;
  return trimmed(code.substr(at + word.size(), 40)).starts_with('(') && !is_declared(code, at);
}

void find_banned(const SourceFile& file, const Banned& rule, Findings& findings) {
  for (std::size_t at = find_word(file.code, rule.word); at != npos;
       at = find_word(file.code, rule.word, at + 1)) {
    if (names_something_else(file.code, at)) continue;
    if (!is_call_or_qualified(file.code, rule.word, at)) continue;
    findings.push_back({file.path, line_at(file.code, at),
                        std::string(rule.word) + " is banned: " + std::string(rule.why)});
  }
}

void find_macros(const SourceFile& file, Findings& findings) {
  if (file.path == "proto/base/check.h") return;  // CHECK and DCHECK need their text and place
  std::size_t number = 0;
  for (const std::string_view line : lines_of(file.code)) {
    ++number;
    if (trimmed(line).starts_with("#define"))
      findings.push_back({file.path, number, "no macros but CHECK and DCHECK"});
  }
}

// bench/*_floor.cpp is the bare program to be measured against: it may use nothing of the engine,
// so everything it does stands in one file.
bool may_be_long(std::string_view path) { return path.ends_with("_floor.cpp"); }

// Words that the language itself asks for.
bool is_language_name(std::string_view code, std::size_t at) {
  return code.substr(at).starts_with("get_return_object");
}

std::size_t columns_of(std::string_view line) {
  return static_cast<std::size_t>(std::ranges::count_if(
      line, [](char octet) { return (static_cast<unsigned char>(octet) & 0xc0) != 0x80; }));
}

}  // namespace

Findings function_sizes(const SourceFile& file) {
  Findings findings;
  for (const FunctionExtent& function : functions_of(file)) {
    const std::size_t lines = function.last_line + 1 - function.first_line;
    if (function.last_line != 0 && lines > function_lines_max)
      findings.push_back({file.path, function.first_line,
                          function.name + " has " + std::to_string(lines) + " lines"});
    if (function.nesting > nesting_max)
      findings.push_back({file.path, function.nesting_line,
                          function.name + " nests control statements " +
                              std::to_string(function.nesting) + " deep"});
  }
  return findings;
}

Findings file_sizes(const SourceFile& file) {
  Findings findings;
  const auto lines = lines_of(file.text);
  if (lines.size() > file_lines_max && !may_be_long(file.path))
    findings.push_back({file.path, 0, std::to_string(lines.size()) + " lines in one file"});
  for (std::size_t i = 0; i < lines.size(); ++i)
    if (columns_of(lines[i]) > line_columns_max)
      findings.push_back({file.path, i + 1, std::to_string(columns_of(lines[i])) + " columns"});
  return findings;
}

Findings banned_words(const SourceFile& file) {
  Findings findings;
  for (const Banned& rule : banned)
    if (!is_excepted(rule, file.path)) find_banned(file, rule, findings);
  find_macros(file, findings);
  return findings;
}

Findings coroutine_places(const SourceFile& file) {
  const std::string_view top = top_folder(file.path);
  if (top == "tests" || top == "bench" || file.path.starts_with("engine/mta/") ||
      file.path == "engine/ring/task.h")
    return {};
  Findings findings;
  for (const std::string_view word : {"co_await", "co_return", "co_yield"})
    if (const std::size_t at = find_word(file.code, word); at != npos)
      findings.push_back({file.path, line_at(file.code, at),
                          "coroutines live in engine/mta and engine/ring/task.h only"});
  return findings;
}

Findings leftover_markers(const SourceFile& file) {
  static constexpr std::array<std::string_view, 4> markers{
      "TO"
      "DO",
      "FIX"
      "ME",
      "XX"
      "X",
      "HA"
      "CK"};
  Findings findings;
  for (const std::string_view marker : markers)
    for (std::size_t at = find_word(file.text, marker); at != npos;
         at = find_word(file.text, marker, at + 1))
      findings.push_back({file.path, line_at(file.text, at), "do it or file an issue"});
  return findings;
}

Findings head_comment(const SourceFile& file) {
  if (file.text.starts_with("// ")) return {};
  return {{file.path, 1, "a file opens with a comment: what it is and how it fails"}};
}

Findings pragma_once(const SourceFile& file) {
  if (!file.path.ends_with(".h")) return {};
  const auto lines = lines_of(file.code);
  if (std::ranges::find(lines, "#pragma once") != lines.end()) return {};
  return {{file.path, 1, "no #pragma once"}};
}

Findings vague_names(const SourceFile& file) {
  Findings findings;
  const std::string_view code = file.code;
  for (std::size_t at = code.find("get_"); at != npos; at = code.find("get_", at + 1)) {
    const bool own = at == 0 || !std::string_view(".:>_").contains(code[at - 1]);
    if (own && (at == 0 || !is_word_octet(code[at - 1])) && !is_language_name(code, at))
      findings.push_back({file.path, line_at(code, at), "no get_: name what it returns"});
  }
  for (const std::string_view word : {"Impl", "Manager", "Helper", "Util", "Utils"})
    for (std::size_t at = code.find(word); at != npos; at = code.find(word, at + 1))
      if (at + word.size() == code.size() || !is_word_octet(code[at + word.size()]))
        findings.push_back({file.path, line_at(code, at), std::string(word) + " says nothing"});
  return findings;
}

Findings machine_paths(const std::string& path, const std::string& text) {
  static constexpr std::array<std::string_view, 3> places{
      "/wo"
      "rk/",
      "/tmp/w"
      "t",
      "/ro"
      "ot/"};
  Findings findings;
  for (const std::string_view place : places)
    for (std::size_t at = text.find(place); at != npos; at = text.find(place, at + 1))
      if (at == 0 || !(is_word_octet(text[at - 1]) || text[at - 1] == '}' || text[at - 1] == '.'))
        findings.push_back({path, line_at(text, at), "a path of somebody's machine"});
  return findings;
}

}  // namespace ringpost::tidy
