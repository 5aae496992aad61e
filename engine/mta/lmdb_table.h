// LmdbTable: a table in an LMDB file (a folder with data.mdb, or the file itself), keys in lower
// case, one database. Reading may wait for the disk at any page, so a thread does it. The file may
// change under it: each question sees one state of it. A file that cannot be read gives a temporary
// failure.
#pragma once

#include <condition_variable>
#include <deque>
#include <expected>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "engine/mta/table_source.h"

struct MDB_env;

namespace ringpost::mta {

class LmdbTable final : public TableSource {
 public:
  // Opens the file; not on a core. One process must not have a file open twice: TableSources sees
  // to that.
  static std::expected<std::unique_ptr<LmdbTable>, Fault> open(const std::string& path);
  ~LmdbTable() override;
  LmdbTable(const LmdbTable&) = delete;
  LmdbTable& operator=(const LmdbTable&) = delete;

  void ask(TableEnquiry& enquiry) override;
  // Nothing to do: every question sees the file as it is.
  std::optional<std::string> update() override { return std::nullopt; }
  void settle() override { const std::lock_guard guard(lock_); }

 private:
  LmdbTable(MDB_env* environment, unsigned database);
  void run();
  conf::Answer look_up(const TableEnquiry& enquiry);

  MDB_env* environment_;
  unsigned database_;
  std::mutex lock_;
  std::condition_variable waiting_;
  std::deque<TableEnquiry*> enquiries_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace ringpost::mta
