// The verdicts of OpenSMTPD on 150 points of the grammar against ours, and the corpus of
// configurations: what stands in valid/ becomes a Config, what stands in invalid/ does not; either
// way every diagnostic has its place.
#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>
#include <string_view>

#include "tests/proto/conf/conf_support.h"

namespace ringpost::conf {
namespace {

struct Deviation {
  std::string_view probe;
  std::string_view reason;
};

// Where the verdicts differ on purpose: what needs the machine is judged by the engine, keys and
// certificates are read by nobody yet.
constexpr std::array deviations = std::to_array<Deviation>({
    {"listen on nosuchif0", "interfaces are resolved by the engine"},
    {"ca x2 cert \"@FIX@/nosuch.pem\"", "certificates are read when TLS uses them"},
});

std::string read_data(const std::string& name) {
  std::ifstream file(std::string(RINGPOST_SOURCE_DIR "/tests/proto/conf/data/") + name);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string replace_all(std::string text, std::string_view from, std::string_view to) {
  for (std::size_t at = text.find(from); at != std::string::npos;
       at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
  return text;
}

TEST(Probes, AgreeWithOpenSmtpd) {
  const std::string head = replace_all(read_data("probes-head.conf"), "@FIX@", "/fix");
  ASSERT_FALSE(head.empty());
  const Files files{{"/fix/list", "example.org\n"}, {"/fix/inc.conf", "\n"}};
  std::istringstream lines(read_data("probes.txt"));
  int probes = 0;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with('#')) continue;
    ++probes;
    const std::size_t tab = line.find('\t');
    ASSERT_NE(tab, std::string::npos) << line;
    const std::string probe = line.substr(tab + 1);
    const bool valid = line.starts_with("valid");
    const std::string body = replace_all(replace_all(probe, " ;; ", "\n"), "@FIX@", "/fix");
    const auto result =
        parse_text(head + body + "\nmatch from local for local action \"loc\"\n", files);
    const auto deviation = std::ranges::find(deviations, probe, &Deviation::probe);
    const bool expected = deviation == deviations.end() ? valid : !valid;
    EXPECT_EQ(result.config.has_value(), expected) << probe << "\n" << errors_of(result);
  }
  EXPECT_EQ(probes, 150);
}

// A start refuses what the check lets pass: nothing that has no behaviour is accepted silently.
TEST(Probes, NothingWithoutBehaviourIsStarted) {
  const std::string head = replace_all(read_data("probes-head.conf"), "@FIX@", "/fix");
  auto result = parse_text(with_rule(head + "queue encryption\n"));
  EXPECT_TRUE(result.config) << errors_of(result);
  EXPECT_TRUE(refuse_unsupported(result.diagnostics));
  EXPECT_TRUE(has_error(result.diagnostics));
}

const std::filesystem::path corpus = RINGPOST_SOURCE_DIR "/tests/corpus/smtpd_conf";

std::string read(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(file), {}};
  constexpr std::string_view place = "@DIR@";
  for (std::size_t at = text.find(place); at != std::string::npos; at = text.find(place, at + 4)) {
    text.replace(at, place.size(), "/dir");
  }
  return text;
}

std::vector<std::filesystem::path> files_of(const std::string& folder) {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(corpus / folder)) {
    paths.push_back(entry.path());
  }
  std::ranges::sort(paths);
  return paths;
}

Files files() {
  Files result;
  for (const auto& path : files_of("files"))
    result["/dir/" + path.filename().string()] = read(path);
  return result;
}

// Stands for the machine: two services, one table program, and patterns that balance.
ParseResult parse_on_a_machine(std::string text) {
  const Files known = files();
  FileReader reader = [&known](const std::string& path) -> std::expected<std::string, Fault> {
    const auto found = known.find(path);
    if (found == known.end()) return std::unexpected(Fault{"open", ENOENT, path});
    return found->second;
  };
  ParseInput input{.path = "test.conf", .text = std::move(text), .server_name = "mx.example.org"};
  input.find_service = [](std::string_view name) {
    return name == "imaps" ? std::optional<std::uint16_t>(993) : std::nullopt;
  };
  input.find_table_program = [](std::string_view name) {
    return name == "sqlite" ? std::optional<std::string>("/lib/table-sqlite") : std::nullopt;
  };
  input.check_patterns = [](std::span<const std::string_view> patterns) {
    std::vector<PatternError> errors;
    for (std::size_t i = 0; i < patterns.size(); ++i) {
      if (patterns[i].contains("\\1") || patterns[i] == "(") errors.push_back({i, "no"});
    }
    return errors;
  };
  return parse(std::move(input), reader);
}

TEST(ConfCorpus, ValidOnesBecomeConfigurations) {
  const auto cases = files_of("valid");
  EXPECT_GE(cases.size(), 100U);
  for (const auto& path : cases) {
    const auto result = parse_on_a_machine(read(path));
    EXPECT_TRUE(result.config) << path.stem() << "\n" << errors_of(result);
  }
}

// Interfaces are resolved and certificates read by the engine; these are told only there.
TEST(ConfCorpus, InvalidOnesDoNot) {
  const std::set<std::string> of_the_engine{"listen-interface-missing", "listen-interface-star",
                                            "lexer-semicolon",          "listen-tls-without-pki",
                                            "ours-ca-file-missing",     "ours-pki-files-missing"};
  const auto cases = files_of("invalid");
  EXPECT_GE(cases.size(), 100U);
  for (const auto& path : cases) {
    const auto result = parse_on_a_machine(read(path));
    EXPECT_EQ(result.config.has_value(), of_the_engine.contains(path.stem().string()))
        << path.stem();
    for (const Diagnostic& d : result.diagnostics) {
      const bool is_whole = d.text.starts_with("there are no rules");
      EXPECT_EQ(d.line > 0 && d.column > 0, !is_whole) << path.stem() << ": " << to_text(d);
    }
  }
}

}  // namespace
}  // namespace ringpost::conf
