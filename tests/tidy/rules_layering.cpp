// Which folder may include which: proto <- scan, store <- engine <- tools, and the strata of
// engine. Reads the #include lines; what the linker may see is checked by CMake and by `tools/check
// symbols`.
#include <algorithm>
#include <array>
#include <span>
#include <string_view>

#include "tests/tidy/rules.h"

namespace ringpost::tidy {
namespace {

using Prefixes = std::span<const std::string_view>;

// For each folder, what its #include "…" lines may begin with; the longest matching folder counts.
struct Layer {
  std::string_view folder;
  Prefixes may;
};

constexpr std::array<std::string_view, 1> proto_may{"proto/"};
constexpr std::array<std::string_view, 2> scan_may{"proto/", "scan/"};
constexpr std::array<std::string_view, 2> store_may{"proto/", "store/"};
constexpr std::array<std::string_view, 2> ring_may{"proto/base/", "engine/ring/"};
constexpr std::array<std::string_view, 3> memory_may{"proto/base/", "engine/ring/",
                                                     "engine/memory/"};
constexpr std::array<std::string_view, 4> net_may{"proto/base/", "engine/ring/", "engine/memory/",
                                                  "engine/net/"};
constexpr std::array<std::string_view, 4> disk_may{"proto/base/", "engine/ring/", "engine/memory/",
                                                   "engine/disk/"};
constexpr std::array<std::string_view, 4> tls_may{"proto/base/", "engine/ring/", "engine/memory/",
                                                  "engine/tls/"};
constexpr std::array<std::string_view, 4> process_may{"proto/base/", "engine/ring/",
                                                      "engine/memory/", "engine/process/"};
constexpr std::array<std::string_view, 4> observe_may{"proto/base/", "engine/ring/",
                                                      "engine/memory/", "engine/observe/"};
constexpr std::array<std::string_view, 4> mta_may{"proto/", "scan/", "store/", "engine/"};
constexpr std::array<std::string_view, 5> tools_may{"proto/", "scan/", "store/", "engine/",
                                                    "tools/"};
constexpr std::array<std::string_view, 6> tests_may{"proto/",  "scan/",  "store/",
                                                    "engine/", "tools/", "tests/"};

constexpr std::array<Layer, 14> layers{{{"proto/", proto_may},
                                        {"scan/", scan_may},
                                        {"store/", store_may},
                                        {"engine/ring/", ring_may},
                                        {"engine/memory/", memory_may},
                                        {"engine/net/", net_may},
                                        {"engine/disk/", disk_may},
                                        {"engine/tls/", tls_may},
                                        {"engine/process/", process_may},
                                        {"engine/observe/", observe_may},
                                        {"engine/mta/", mta_may},
                                        {"tools/", tools_may},
                                        {"bench/", tests_may},
                                        {"fuzz/", tests_may}}};

// The decision libraries are functions of octets and time: nothing of the operating system in them.
constexpr std::array<std::string_view, 13> impure{
    "condition_variable", "filesystem", "fstream", "future",
    "iostream",           "mutex",      "random",  "regex",
    "semaphore",          "stop_token", "thread",  "ctime",
    "syncstream"};

// <name> includes that hold a '/' or end in ".h" are foreign; these are allowed in the libraries.
bool foreign_is_allowed(std::string_view top, std::string_view header) {
  if (header.starts_with("fmt/") || header.ends_with("intrin.h")) return true;
  return top == "scan" &&
         (header.starts_with("hs/") || header == "hs.h" || header.starts_with("openssl/"));
}

bool starts_with_any(std::string_view text, Prefixes prefixes) {
  return std::ranges::any_of(prefixes, [text](auto prefix) { return text.starts_with(prefix); });
}

Prefixes allowed_for(std::string_view path) {
  for (const Layer& layer : layers)
    if (path.starts_with(layer.folder)) return layer.may;
  return path.starts_with("tests/") ? Prefixes(tests_may) : Prefixes();
}

std::string quoted_problem(std::string_view path, std::string_view header) {
  if (!header.contains('/')) return "include it by its path from the root";
  if (starts_with_any(header, allowed_for(path))) return {};
  return "this folder may not include that";
}

std::string angled_problem(std::string_view path, std::string_view header) {
  const std::string_view top = top_folder(path);
  if (top != "proto" && top != "scan" && top != "store") return {};
  if (std::ranges::find(impure, header) != impure.end())
    return "the libraries do nothing, they decide";
  const bool foreign = header.contains('/') || header.ends_with(".h");
  return foreign && !foreign_is_allowed(top, header) ? "not the standard library" : "";
}

}  // namespace

Findings layering(const SourceFile& file) {
  Findings findings;
  const auto code = lines_of(file.code);
  const auto text = lines_of(file.text);
  for (std::size_t i = 0; i < code.size(); ++i) {
    if (!trimmed(code[i]).starts_with("#include")) continue;
    const std::size_t open = text[i].find_first_of("\"<");
    const std::size_t close = text[i].find_last_of("\">");
    if (open == std::string_view::npos || close <= open) continue;
    const std::string_view header = text[i].substr(open + 1, close - open - 1);
    std::string problem = text[i][open] == '"' ? quoted_problem(file.path, header)
                                               : angled_problem(file.path, header);
    if (!problem.empty())
      findings.push_back({file.path, i + 1, std::string(header) + ": " + problem});
  }
  return findings;
}

}  // namespace ringpost::tidy
