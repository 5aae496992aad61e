// The operator's files as a real parent keeps them, and what they permit its engine.
#include "engine/process/configurations.h"

#include <cerrno>
#include <filesystem>

#include <sys/mman.h>

#include "engine/process/rights.h"
#include "tests/engine/process/engine_fixture.h"

namespace ringpost::process {
namespace {

using test::end_of;
using test::start_parent;

class ConfigurationsTest : public test::ParentTest {};

// By a process that has the parent's rights still, when the engine has given them up.
TEST_F(ConfigurationsTest, TheConfigurationIsReadForTheEngine) {
  ParentOptions options;
  options.read_configuration = [](int texts, int permissions) {
    const std::string text = "as " + std::to_string(geteuid());
    return write(texts, text.data(), text.size()) > 0 && test::permitting({})(texts, permissions);
  };
  const auto engine = [](ParentLink& link) {
    const uid_t started_as = geteuid();
    if (started_as == 0 && !become({20001, 20001, {20001}})) return 1;
    const auto texts = link.read_configuration();
    if (!texts) return 2;
    for (const int file : {*texts, link.configurations().newest}) {
      char room[64]{};
      const ssize_t got = pread(file, room, sizeof room, 0);
      const std::string wanted = "as " + std::to_string(started_as);
      if (got != static_cast<ssize_t>(wanted.size()) || room != wanted) return 3;
      // Nobody changes what the engine that follows will read.
      if (pwrite(file, "x", 1, 0) >= 0 || ftruncate(file, 0) == 0) return 4;
      if (mmap(nullptr, 1, PROT_WRITE, MAP_SHARED, file, 0) != MAP_FAILED) return 5;
    }
    return link.configurations().adopted == -1 ? 0 : 6;
  };
  EXPECT_EQ(WEXITSTATUS(end_of(start_parent(engine, log_, options))), 0);
}

// What an engine adopted is there for the one after it, whatever the configuration has become.
TEST_F(ConfigurationsTest, WhatWasInUseIsKept) {
  ParentOptions options;
  options.read_configuration = [path = folder_.file("count")](int texts, int permissions) {
    std::ofstream(path, std::ios::app) << 'x';
    const auto count = std::filesystem::file_size(path);
    if (count == 3) return false;
    const char digit = static_cast<char>('0' + count);
    return write(texts, &digit, 1) == 1 && test::permitting({})(texts, permissions);
  };
  const auto text_of_file = [](int file) {
    char octet = '-';
    return file >= 0 && pread(file, &octet, 1, 0) == 1 ? octet : '-';
  };
  const auto engine = [&](ParentLink& link) {
    const char newest = text_of_file(link.configurations().newest);
    const char adopted = text_of_file(link.configurations().adopted);
    if (link.restarts() == 0) {
      if (newest != '1' || adopted != '-') return 1;
      link.adopt_configuration();
      if (const auto second = link.read_configuration(); !second || text_of_file(*second) != '2')
        return 2;
      if (link.read_configuration()) return 3;  // the third cannot be read
      link.tell_ready();
      raise(SIGKILL);
    }
    return newest == '4' && adopted == '1' ? 0 : 4;
  };
  EXPECT_EQ(WEXITSTATUS(end_of(start_parent(engine, log_, options))), 0) << log();
}

TEST_F(ConfigurationsTest, WithoutAConfigurationThereIsNoEngine) {
  ParentOptions options;
  options.read_configuration = [](int, int) { return false; };
  EXPECT_EQ(WEXITSTATUS(end_of(start_parent([](ParentLink&) { return 0; }, log_, options))), 1);
  EXPECT_EQ(log(),
            "ringpostd: the process that reads the configuration ended with 1\n"
            "ringpostd: read configuration: Input/output error\n");
}

// Whatever an engine asks for: only what a configuration names, the one in use or the newest.
TEST_F(ConfigurationsTest, WhatTheConfigurationDoesNotNameIsRefused) {
  ParentOptions options;
  options.read_configuration = [path = folder_.file("count")](int texts, int permissions) {
    std::ofstream(path, std::ios::app) << 'x';
    const std::string number = std::to_string(std::filesystem::file_size(path));
    Permissions permitted;
    permitted.keys_user = "nobody";
    permitted.keys = {"/nowhere/" + number};
    permitted.programs = {{.name = number, .words = {"/bin/true", "x"}, .user = "nobody"}};
    return test::permitting(permitted)(texts, permissions);
  };
  const auto engine = [](ParentLink& link) {
    const auto is_refused = [&](const std::string& number) {
      const auto key = link.load_key("/nowhere/" + number);
      const auto program = link.start_program({"/bin/true", "x"}, number, 0, 1);
      const bool key_is_refused = key.error().ends_with("the configuration does not name this key");
      const bool program_is_refused = !program && program.error().code == EACCES;
      if (key_is_refused != program_is_refused) _exit(9);
      return key_is_refused;
    };
    if (is_refused("1") || !is_refused("2")) return 1;
    link.adopt_configuration();
    if (!link.read_configuration() || is_refused("1") || is_refused("2")) return 2;
    link.adopt_configuration();
    if (!is_refused("1") || is_refused("2")) return 3;
    if (link.start_program({"/bin/true"}, "2", 0, 1)) return 4;
    return link.start_program({"/bin/sh", "x"}, "2", 0, 1) ? 5 : 0;
  };
  EXPECT_EQ(WEXITSTATUS(end_of(start_parent(engine, log_, options))), 0);
  EXPECT_EQ(log(),
            "ringpostd: refused to load the key /nowhere/2, which the configuration does not "
            "name\n");
}

}  // namespace
}  // namespace ringpost::process
