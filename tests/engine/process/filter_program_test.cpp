// Commands of filters as programs with arguments: without a shell where none is needed.
#include "engine/process/filter_program.h"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/engine/support.h"

namespace ringpost::process {
namespace {

using Words = std::vector<std::string>;

class FilterProgramTest : public testing::Test {
 protected:
  FilterProgramTest() {
    const std::string folder = root_.file("usr/local/libexec/smtpd");
    std::filesystem::create_directories(folder);
    std::ofstream(folder + "/filter-x") << "#!/bin/sh\n";
    chmod((folder + "/filter-x").c_str(), 0755);
    std::ofstream(folder + "/no-program") << "text";
  }
  Words words(std::string_view command) {
    const auto found = filter_words(command, root_.path());
    EXPECT_TRUE(found) << found.error();
    return found.value_or(Words{});
  }
  std::string problem(std::string_view command) {
    const auto found = filter_words(command, root_.path());
    EXPECT_FALSE(found) << command;
    return found ? "" : found.error();
  }

  test::TemporaryDirectory root_;
};

constexpr auto path = "/usr/local/libexec/smtpd/filter-x";

TEST_F(FilterProgramTest, Words) {
  EXPECT_EQ(words("filter-x"), (Words{path}));
  EXPECT_EQ(words("  filter-x -blockBelow 10\t-url http://127.0.0.1:11334 "),
            (Words{path, "-blockBelow", "10", "-url", "http://127.0.0.1:11334"}));
  EXPECT_EQ(words(std::string(path) + " 'a b' \"c \\\" d\" e\\ f '' x'y'\"z\""),
            (Words{path, "a b", "c \" d", "e f", "", "xyz"}));
  EXPECT_EQ(words("filter-x \"a\\b\" 'c\\d' key=value"),
            (Words{path, "a\\b", "c\\d", "key=value"}));
}

TEST_F(FilterProgramTest, ShellWhereItIsMeant) {
  for (const std::string_view rest :
       {" -a $HOME", " | tee x", " > /dev/null", " `id`", " a; b", " *.conf", " ~/x", " & wait"}) {
    EXPECT_EQ(words("filter-x" + std::string(rest)),
              (Words{"/bin/sh", "-c", "exec " + std::string(path) + std::string(rest)}));
  }
}

TEST_F(FilterProgramTest, Problems) {
  EXPECT_EQ(problem(""), "there is no command");
  EXPECT_EQ(problem("filter-x 'open"), "a quotation is not closed: filter-x 'open");
  EXPECT_NE(problem("filter-y -v").find("filter-y is not in "), std::string::npos);
  EXPECT_NE(problem("filter-y -v").find(root_.path() + "/usr/libexec/opensmtpd"),
            std::string::npos);
  EXPECT_NE(problem("filter-y | cat").find("filter-y is not in "), std::string::npos);
  EXPECT_NE(problem("no-program").find("no-program is not in "), std::string::npos);
  EXPECT_EQ(problem("/usr/local/libexec/smtpd/no-program"),
            root_.path() + "/usr/local/libexec/smtpd/no-program is no program that can be run");
  EXPECT_EQ(problem("/usr"), root_.path() + "/usr is no program that can be run");
  std::string many = "filter-x";
  for (int i = 0; i < 64; ++i) many += " x";
  EXPECT_EQ(problem(many), "a command has at most 64 words");
}

}  // namespace
}  // namespace ringpost::process
