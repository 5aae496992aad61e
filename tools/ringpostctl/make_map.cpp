// Making LMDB files: see make_map.h.
#include "tools/ringpostctl/make_map.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <lmdb.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/mta/generation_loader.h"
#include "proto/base/ascii.h"
#include "proto/conf/alias.h"
#include "proto/conf/table.h"
#include "tools/ringpostctl/table.h"

namespace ringpost::ctl {
namespace {

constexpr std::size_t key_octets_max = 511;  // LMDB's own
constexpr std::size_t map_octets_min = std::size_t{16} << 20;

struct Wish {
  std::string type = "plain";
  std::string source;
  std::string target;
};

std::optional<Wish> parse(std::span<const std::string> words) {
  Wish wish;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const bool takes_value = words[i] == "-t" || words[i] == "-o";
    if (takes_value) {
      if (i + 1 == words.size()) return std::nullopt;
      (words[i] == "-t" ? wish.type : wish.target) = words[i + 1];
      ++i;
    } else if (words[i].starts_with('-') || !wish.source.empty()) {
      return std::nullopt;
    } else {
      wish.source = words[i];
    }
  }
  const bool known = wish.type == "plain" || wish.type == "aliases" || wish.type == "userinfo";
  if (!known || wish.source.empty()) return std::nullopt;
  if (wish.target.empty()) wish.target = wish.source + ".mdb";
  return wish;
}

std::string line_text(const std::string& source, const conf::TableError& error) {
  return fmt::format("{}:{}:{}: {}", source, error.line, error.column, error.text);
}

struct Row {
  std::string key;
  std::string_view value;
  std::uint32_t line;
};

// Sorted as LMDB wants them; mistakes are told.
std::expected<std::vector<Row>, std::vector<std::string>> rows_of(const conf::Table& table,
                                                                  const Wish& wish) {
  std::vector<std::string> errors;
  std::vector<conf::TableError> wrong;
  if (wish.type == "aliases") wrong = conf::check_alias_rows(table);
  if (wish.type == "userinfo") wrong = table.check_user_rows();
  for (const conf::TableError& error : wrong) errors.push_back(line_text(wish.source, error));
  std::vector<Row> rows;
  for (std::size_t i = 0; i < table.size(); ++i) {
    const conf::TableRow row = table.row(i);
    rows.push_back({ascii::lower(row.key), row.value, row.line});
    if (row.key.size() > key_octets_max)
      errors.push_back(line_text(
          wish.source,
          table.error_at(i, fmt::format("a key is longer than {} octets", key_octets_max))));
  }
  std::ranges::sort(rows, {}, [](const Row& row) { return std::tie(row.key, row.line); });
  const auto twice = std::ranges::adjacent_find(rows, {}, &Row::key);
  if (twice != rows.end())
    errors.push_back(fmt::format("{}:{}: the key {} stands in line {} already", wish.source,
                                 std::next(twice)->line, twice->key, twice->line));
  if (!errors.empty()) return std::unexpected(std::move(errors));
  return rows;
}

int put_all(MDB_env* environment, const std::vector<Row>& rows) {
  MDB_txn* transaction = nullptr;
  int error = mdb_txn_begin(environment, nullptr, 0, &transaction);
  if (error != 0) return error;
  MDB_dbi database = 0;
  error = mdb_dbi_open(transaction, nullptr, 0, &database);
  for (std::size_t i = 0; error == 0 && i < rows.size(); ++i) {
    MDB_val key{.mv_size = rows[i].key.size(), .mv_data = const_cast<char*>(rows[i].key.data())};
    MDB_val value{.mv_size = rows[i].value.size(),
                  .mv_data = const_cast<char*>(rows[i].value.data())};
    error = mdb_put(transaction, database, &key, &value, MDB_APPEND);
  }
  if (error == 0) return mdb_txn_commit(transaction);
  mdb_txn_abort(transaction);
  return error;
}

// Returns an error of LMDB or errno. The file is synced when it is 0.
int write_map(const std::string& path, const std::vector<Row>& rows) {
  std::size_t octets = map_octets_min;
  for (const Row& row : rows) octets += 2 * (row.key.size() + row.value.size() + 32);
  while (true) {
    MDB_env* environment = nullptr;
    int error = mdb_env_create(&environment);
    if (error != 0) return error;
    mdb_env_set_mapsize(environment, octets);
    // A file of ours alone: neither the lock nor a sync at each commit is of use.
    error = mdb_env_open(environment, path.c_str(), MDB_NOSUBDIR | MDB_NOLOCK | MDB_NOSYNC, 0600);
    if (error == 0) error = put_all(environment, rows);
    if (error == 0) error = mdb_env_sync(environment, 1);
    mdb_env_close(environment);
    if (error != MDB_MAP_FULL) return error;
    octets *= 2;
  }
}

bool sync_folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const int file = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (file < 0) return false;
  const bool synced = fsync(file) == 0;
  close(file);
  return synced;
}

// The new file has the rights of its source.
std::optional<std::string> replace_map(const Wish& wish, const std::vector<Row>& rows) {
  std::string made = wish.target + ".XXXXXX";
  const int file = mkstemp(made.data());
  if (file < 0) return to_text(Fault{"make", errno, made});
  struct stat status{};
  const bool as_source = stat(wish.source.c_str(), &status) == 0 &&
                         fchmod(file, status.st_mode & 0777) == 0 &&
                         (fchown(file, status.st_uid, status.st_gid) == 0 || errno == EPERM);
  const int rights_error = errno;
  close(file);
  std::optional<std::string> problem;
  if (!as_source) {
    problem = to_text(Fault{"give rights to", rights_error, made});
  } else if (const int error = write_map(made, rows); error != 0) {
    problem = fmt::format("write {}: {}", made, mdb_strerror(error));
  } else if (rename(made.c_str(), wish.target.c_str()) != 0 || !sync_folder_of(wish.target)) {
    problem = to_text(Fault{"rename", errno, wish.target});
  }
  if (problem) unlink(made.c_str());
  return problem;
}

}  // namespace

const std::string_view make_map_usage = "makemap [-t aliases|userinfo|plain] [-o FILE] SOURCE";

int make_map(std::span<const std::string> words, const Output& output) {
  const auto wish = parse(words);
  if (!wish) {
    output.fail(fmt::format("usage: {}", make_map_usage));
    return exit_usage;
  }
  auto text = mta::read_text_file(wish->source);
  if (!text) return output.fail(to_text(text.error()));
  const auto table = conf::Table::from_file_text("table", std::move(*text));
  if (!table) {
    for (const conf::TableError& error : table.error())
      output.fail(printable(line_text(wish->source, error)));
    return exit_failed;
  }
  const auto rows = rows_of(*table, *wish);
  if (!rows) {
    for (const std::string& error : rows.error()) output.fail(printable(error));
    return exit_failed;
  }
  if (const auto problem = replace_map(*wish, *rows)) return output.fail(printable(*problem));
  output.put(fmt::format("{} entries in {}\n", rows->size(), printable(wish->target)));
  return exit_ok;
}

}  // namespace ringpost::ctl
