// Filter processes as the configuration has them: see filter_program.h.
#include "engine/process/filter_program.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/process/agent_frame.h"
#include "proto/base/ascii.h"

namespace ringpost::process {
namespace {

constexpr std::size_t words_max = 64;

// Where Debian, OpenBSD and those who build for themselves install filters, and we.
constexpr auto filter_folders = std::to_array<std::string_view>(
    {"/usr/libexec/opensmtpd", "/usr/lib/opensmtpd", "/usr/local/libexec/opensmtpd",
     "/usr/local/libexec/smtpd", "/usr/libexec/smtpd", "/usr/libexec/ringpost"});

// Of what a shell would act on; a tilde and an equals sign only at certain places, but who writes
// them there means a shell.
constexpr std::string_view shell_characters = "$`|&;<>()*?[]{}#!\n";

bool needs_shell(std::string_view command) {
  const std::string_view first = command.substr(0, command.find_first_of(" \t"));
  return command.find_first_of(shell_characters) != std::string_view::npos ||
         command.starts_with('~') || command.contains(" ~") || first.contains('=');
}

// Blanks, quotes of both kinds and backslashes as a shell has them. Nothing: a quote is open.
std::optional<std::vector<std::string>> split(std::string_view command) {
  std::vector<std::string> words;
  bool inside = false;
  char quote = 0;
  for (std::size_t i = 0; i < command.size(); ++i) {
    char c = command[i];
    if (quote == 0 && ascii::is_blank(c)) {
      inside = false;
      continue;
    }
    if (!std::exchange(inside, true)) words.emplace_back();
    if (quote == 0 && (c == '"' || c == '\'')) {
      quote = c;
      continue;
    }
    if (quote != 0 && c == quote) {
      quote = 0;
      continue;
    }
    const bool escapes = c == '\\' && quote != '\'' && i + 1 < command.size() &&
                         (quote == 0 || command[i + 1] == '"' || command[i + 1] == '\\');
    if (escapes) c = command[++i];
    words.back() += c;
  }
  if (quote != 0) return std::nullopt;
  return words;
}

bool can_run(const std::string& path) {
  struct stat about{};
  return access(path.c_str(), X_OK) == 0 && stat(path.c_str(), &about) == 0 &&
         S_ISREG(about.st_mode);
}

// Where the program lies, as seen from below `chroot`.
std::expected<std::string, std::string> find_filter(const std::string& program,
                                                    const std::string& chroot) {
  if (program.starts_with('/')) {
    if (can_run(chroot + program)) return program;
    return std::unexpected(fmt::format("{}{} is no program that can be run", chroot, program));
  }
  for (const std::string_view folder : filter_folders) {
    std::string path = fmt::format("{}/{}", folder, program);
    if (can_run(chroot + path)) return path;
  }
  return std::unexpected(fmt::format("{} is not in {}{}", program, chroot,
                                     fmt::join(filter_folders, fmt::format(", {}", chroot))));
}

}  // namespace

void put_program(StringSink& sink, const FilterProgram& program) {
  put_text(sink, program.name);
  put_text(sink, program.command);
  put_text(sink, program.user);
  put_text(sink, program.group);
  put_text(sink, program.chroot);
}

FilterProgram take_filter_program(FieldReader& in) {
  FilterProgram program;
  program.name = take_text(in, name_octets_max);
  program.command = take_text(in, command_octets_max);
  program.user = take_text(in, name_octets_max);
  program.group = take_text(in, name_octets_max);
  program.chroot = take_text(in, path_octets_max);
  in.require(program.chroot.empty() || program.chroot.starts_with('/'));
  return program;
}

std::expected<std::vector<std::string>, std::string> filter_words(std::string_view command,
                                                                  const std::string& chroot) {
  command = ascii::trim(command);
  if (needs_shell(command)) {
    const std::size_t end = std::min(command.find_first_of(" \t"), command.size());
    const auto program = find_filter(std::string(command.substr(0, end)), chroot);
    if (!program) return std::unexpected(program.error());
    return std::vector<std::string>{"/bin/sh", "-c",
                                    fmt::format("exec {}{}", *program, command.substr(end))};
  }
  auto words = split(command);
  if (!words) return std::unexpected(fmt::format("a quotation is not closed: {}", command));
  if (words->empty()) return std::unexpected("there is no command");
  if (words->size() > words_max)
    return std::unexpected(fmt::format("a command has at most {} words", words_max));
  auto program = find_filter(words->front(), chroot);
  if (!program) return std::unexpected(program.error());
  words->front() = std::move(*program);
  return std::move(*words);
}

}  // namespace ringpost::process
