// LMDB tables: see lmdb_table.h.
#include "engine/mta/lmdb_table.h"

#include <cerrno>
#include <utility>

#include <lmdb.h>
#include <sys/stat.h>

#include "engine/ring/quiet_thread.h"
#include "proto/base/check.h"
#include "proto/conf/table_probe.h"

namespace ringpost::mta {
namespace {

constexpr unsigned readers_max = 8;  // in the lock file; this process uses one

// LMDB's own errors are negative; as errno they are none, and what they mean is damage.
Fault fault_of(std::string_view operation, int error, const std::string& path) {
  return {operation, error > 0 ? error : EBADMSG, path};
}

struct Environment {
  MDB_env* handle = nullptr;
  Environment() = default;
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;
  ~Environment() {
    if (handle != nullptr) mdb_env_close(handle);
  }
};

int open_environment(Environment& environment, const std::string& path, unsigned flags) {
  if (environment.handle != nullptr) mdb_env_close(std::exchange(environment.handle, nullptr));
  if (const int error = mdb_env_create(&environment.handle); error != 0) return error;
  mdb_env_set_maxreaders(environment.handle, readers_max);
  return mdb_env_open(environment.handle, path.c_str(), flags, 0640);
}

}  // namespace

// Where the lock file may not be written (a table of root's), nobody writes to the table through
// LMDB either without making it: such a table is replaced as a whole, and needs no lock.
std::expected<std::unique_ptr<LmdbTable>, Fault> LmdbTable::open(const std::string& path) {
  struct stat status{};
  if (stat(path.c_str(), &status) != 0) return std::unexpected(Fault{"open", errno, path});
  const unsigned flags = MDB_RDONLY | MDB_NOTLS | (S_ISDIR(status.st_mode) ? 0u : MDB_NOSUBDIR);
  Environment environment;
  int error = open_environment(environment, path, flags);
  if (error == EACCES || error == EROFS)
    error = open_environment(environment, path, flags | MDB_NOLOCK);
  if (error != 0) return std::unexpected(fault_of("open", error, path));
  MDB_txn* transaction = nullptr;
  error = mdb_txn_begin(environment.handle, nullptr, MDB_RDONLY, &transaction);
  if (error != 0) return std::unexpected(fault_of("read", error, path));
  MDB_dbi database = 0;
  error = mdb_dbi_open(transaction, nullptr, 0, &database);
  if (error != 0) {
    mdb_txn_abort(transaction);
    return std::unexpected(fault_of("read", error, path));
  }
  mdb_txn_commit(transaction);  // only so does the handle stay
  return std::unique_ptr<LmdbTable>(
      new LmdbTable(std::exchange(environment.handle, nullptr), database));
}

LmdbTable::LmdbTable(MDB_env* environment, unsigned database)
    : environment_(environment), database_(database) {
  thread_ = ring::quiet_thread([this] { run(); });
}

LmdbTable::~LmdbTable() {
  {
    const std::lock_guard guard(lock_);
    stopping_ = true;
  }
  waiting_.notify_one();
  thread_.join();
  mdb_env_close(environment_);
}

void LmdbTable::ask(TableEnquiry& enquiry) {
  const std::lock_guard guard(lock_);
  if (enquiries_.size() >= enquiries_waiting_max) {
    enquiry.answer = failure("too many questions wait");
    give_back(enquiry);
    return;
  }
  enquiries_.push_back(&enquiry);
  waiting_.notify_one();
}

void LmdbTable::run() {
  std::unique_lock guard(lock_);
  while (true) {
    waiting_.wait(guard, [this] { return stopping_ || !enquiries_.empty(); });
    if (enquiries_.empty()) return;
    TableEnquiry& enquiry = *enquiries_.front();
    enquiries_.pop_front();
    guard.unlock();
    enquiry.answer = look_up(enquiry);
    guard.lock();
    give_back(enquiry);
  }
}

conf::Answer LmdbTable::look_up(const TableEnquiry& enquiry) {
  MDB_txn* transaction = nullptr;
  int error = mdb_txn_begin(environment_, nullptr, MDB_RDONLY, &transaction);
  if (error != 0) return failure(mdb_strerror(error));
  conf::Answer answer{.state = conf::AnswerState::NotFound};
  for (const std::string& text :
       conf::probe_keys(enquiry.service, enquiry.key, enquiry.delimiter)) {
    MDB_val key{.mv_size = text.size(), .mv_data = const_cast<char*>(text.data())};
    MDB_val found{};
    error = mdb_get(transaction, database_, &key, &found);
    // An empty key, or one longer than LMDB takes, is not in the table.
    if (error == MDB_NOTFOUND || error == MDB_BAD_VALSIZE) continue;
    if (error != 0) {
      answer = failure(mdb_strerror(error));
    } else {
      answer.state = conf::AnswerState::Found;
      answer.text.assign(static_cast<const char*>(found.mv_data), found.mv_size);
    }
    break;
  }
  mdb_txn_abort(transaction);
  return answer;
}

}  // namespace ringpost::mta
