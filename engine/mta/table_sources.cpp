// Opening tables: see table_sources.h.
#include "engine/mta/table_sources.h"

#include <cerrno>

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/mta/lmdb_table.h"
#include "engine/mta/program_table.h"

namespace ringpost::mta {

std::vector<std::string> TableSources::open(Generation& generation) {
  std::vector<std::string> errors;
  for (const auto& table : generation.config.tables) {
    // Dovecot is asked by each core.
    if (table->backend() == conf::TableBackend::Memory ||
        table->backend() == conf::TableBackend::Dovecot)
      continue;
    auto source =
        table->backend() == conf::TableBackend::Lmdb ? open_file(*table) : open_program(*table);
    if (source) {
      generation.sources.emplace(table.get(), std::move(*source));
    } else {
      errors.push_back(fmt::format("table \"{}\": {}", table->name(), source.error()));
    }
  }
  return errors;
}

std::expected<std::shared_ptr<TableSource>, std::string> TableSources::open_program(
    const conf::Table& table) {
  const std::string& command = table.path_or_command();
  std::weak_ptr<TableSource>& known = programs_[{table.name(), command}];
  if (auto running = known.lock()) return running;
  const std::string program = command.substr(0, command.find(' '));
  if (!program.starts_with('/')) return std::unexpected(fmt::format("no program {}", program));
  if (access(program.c_str(), X_OK) != 0)
    return std::unexpected(to_text(Fault{"start", errno, program}));
  auto started = std::make_shared<ProgramTable>(table.name(), command, log_, parent_);
  known = started;
  return started;
}

std::expected<std::shared_ptr<TableSource>, std::string> TableSources::open_file(
    const conf::Table& table) {
  std::string path = table.path_or_command();
  struct stat status{};
  if (stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode)) {
    const std::string inside = path + "/data.mdb";
    if (stat(inside.c_str(), &status) != 0)
      return std::unexpected(to_text(Fault{"open", errno, inside}));
  }
  std::weak_ptr<TableSource>& known = files_[{status.st_dev, status.st_ino}];
  if (auto opened = known.lock()) return opened;
  auto opened = LmdbTable::open(path);
  if (!opened) return std::unexpected(to_text(opened.error()));
  std::shared_ptr<TableSource> shared = std::move(*opened);
  known = shared;
  return shared;
}

void TableSources::settle() {
  for (const auto& [key, source] : programs_)
    if (const auto one = source.lock()) one->settle();
  for (const auto& [key, source] : files_)
    if (const auto one = source.lock()) one->settle();
}

}  // namespace ringpost::mta
