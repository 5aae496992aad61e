// Parsing from memory for the configuration tests: a map of files stands for the disk.
#pragma once

#include <algorithm>
#include <cerrno>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "proto/conf/parse.h"

namespace ringpost::conf {

using Files = std::map<std::string, std::string>;

inline ParseResult parse_text(std::string text, Files files = {},
                              std::vector<std::pair<std::string, std::string>> macros = {}) {
  FileReader reader = [&files](const std::string& path) -> std::expected<std::string, Fault> {
    const auto found = files.find(path);
    if (found == files.end()) return std::unexpected(Fault{"open", ENOENT, path});
    return found->second;
  };
  ParseInput input{.path = "test.conf",
                   .text = std::move(text),
                   .server_name = "mx.example.org",
                   .macros = std::move(macros)};
  return parse(std::move(input), reader);
}

// The diagnostics of a severity as "line:column: text", one a line.
inline std::string diagnostics_of(const ParseResult& result, Severity severity) {
  std::string text;
  for (const Diagnostic& d : result.diagnostics) {
    if (d.severity != severity) continue;
    const std::string file = d.file == "test.conf" ? "" : d.file + ":";
    text += file + std::to_string(d.line) + ":" + std::to_string(d.column) + ": " + d.text + "\n";
  }
  return text;
}

inline std::string errors_of(const ParseResult& result) {
  return diagnostics_of(result, Severity::Error);
}

// The text with a rule, so that it can be a configuration.
inline std::string with_rule(std::string text) {
  const bool has_rule = text.starts_with("match") || text.contains("\nmatch");
  return has_rule ? text : text + "\nmatch reject\n";
}

inline std::string errors_in(std::string text, Files files = {}) {
  ParseResult result = parse_text(std::move(text), std::move(files));
  std::erase_if(result.diagnostics,
                [](const Diagnostic& d) { return d.text.starts_with("there are no rules"); });
  return errors_of(result);
}

// The Config of a text that must be right.
inline Config config_of(std::string text, Files files = {}) {
  ParseResult result = parse_text(with_rule(std::move(text)), std::move(files));
  EXPECT_EQ(errors_of(result), "");
  if (!result.config) return Config();
  return std::move(*result.config);
}

}  // namespace ringpost::conf
