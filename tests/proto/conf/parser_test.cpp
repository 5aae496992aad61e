// The verdicts of OpenSMTPD on 150 points of the grammar against ours.
#include <array>
#include <fstream>
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
  auto result = parse_text(with_rule(replace_all(read_data("probes-head.conf"), "@FIX@", "/fix")));
  EXPECT_TRUE(result.config) << errors_of(result);
  EXPECT_TRUE(refuse_unsupported(result.diagnostics));
  EXPECT_TRUE(has_error(result.diagnostics));
}

}  // namespace
}  // namespace ringpost::conf
