// TableSources: opens what the tables of a generation need beyond memory, and shares it between
// generations: a program goes on when the configuration is loaded anew, an LMDB file that was
// replaced is opened as the new file it is. Used by the main and the control thread; blocks.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/mta/generation.h"
#include "engine/mta/table_source.h"
#include "engine/observe/event_log.h"
#include "engine/process/parent_link.h"

namespace ringpost::mta {

class TableSources {
 public:
  // `log` outlives every source.
  explicit TableSources(observe::EventLog& log, process::ParentLink* parent = nullptr)
      : log_(log), parent_(parent) {}
  TableSources(const TableSources&) = delete;
  TableSources& operator=(const TableSources&) = delete;

  // Fills generation.sources. What cannot be opened, by table; nothing when all is well.
  std::vector<std::string> open(Generation& generation);
  // Once this returns, no source is at work for a core whose enquiries have all come back.
  void settle();

 private:
  // Name and command of a program; device and number of a file.
  using ProgramKey = std::pair<std::string, std::string>;
  using FileKey = std::pair<std::uint64_t, std::uint64_t>;

  std::expected<std::shared_ptr<TableSource>, std::string> open_program(const conf::Table& table);
  std::expected<std::shared_ptr<TableSource>, std::string> open_file(const conf::Table& table);

  observe::EventLog& log_;
  process::ParentLink* parent_;
  std::map<ProgramKey, std::weak_ptr<TableSource>> programs_;
  std::map<FileKey, std::weak_ptr<TableSource>> files_;
};

}  // namespace ringpost::mta
