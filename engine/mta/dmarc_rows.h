// DmarcRows: what one core notes for DMARC's aggregate reports on its way into a file of its own
// for each period (store/dmarc). Rows are gathered in memory, and written and synced once a second.
// What fails costs rows, never mail. Owner: one core.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/mta/dmarc_folder.h"
#include "engine/observe/event_log.h"
#include "engine/observe/metrics.h"
#include "engine/ring/core.h"
#include "engine/ring/task.h"
#include "proto/auth/dmarc_row.h"
#include "proto/auth/failure_report.h"

namespace ringpost::mta {

class SenderCheck;

// What a crash may lose: the rows of this time.
inline constexpr Duration dmarc_delay_max = seconds(1);
// Of one core: of a period, and in memory. Rows beyond are counted as lost.
inline constexpr std::uint64_t dmarc_file_octets_max = std::uint64_t{256} << 20;
inline constexpr std::size_t dmarc_pending_octets_max = std::size_t{4} << 20;

// Once it is checked, of a message whose domain has a DMARC record.
auth::DmarcRow dmarc_row_of(const SenderCheck& check, std::string_view client,
                            std::string_view reverse_path, WallTime now);

// The same for a report about this message alone. `results`: of Authentication-Results, in one
// line.
auth::FailureNote failure_note_of(const SenderCheck& check, std::string_view client,
                                  std::string_view reverse_path, std::string results, WallTime now);

class DmarcRows {
 public:
  // `folder` null: every row is lost.
  DmarcRows(ring::Core& core, DmarcFolder* folder, unsigned index, observe::DmarcMetrics& metrics,
            observe::EventSink& events);
  // Only when idle.
  ~DmarcRows();
  DmarcRows(const DmarcRows&) = delete;
  DmarcRows& operator=(const DmarcRows&) = delete;

  void put(const auth::DmarcRow& row, Duration interval);
  // Calls `done` when all that was put before has been written, or is lost.
  void flush(std::function<void()> done);
  void end_of_turn();
  bool idle() const { return pending_.empty() && scope_.idle(); }

 private:
  struct Batch {
    ReportPeriod period;
    std::string octets;
    std::uint64_t rows = 0;
  };

  void time_is_up() { is_due_ = true; }
  ring::Task<void> write_out();
  ring::Task<bool> write(const Batch& batch);
  ring::Task<bool> open(ReportPeriod period);
  void fail(std::string_view operation, int error);

  ring::Core& core_;
  DmarcFolder* folder_;
  unsigned index_;
  observe::DmarcMetrics& metrics_;
  observe::EventSink& events_;
  std::deque<Batch> pending_;
  std::size_t pending_octets_ = 0;
  std::vector<std::function<void()>> waiters_;
  int file_ = -1;
  ReportPeriod period_;        // of the file
  std::uint64_t written_ = 0;  // octets of it
  bool is_due_ = false;
  bool is_failing_ = false;  // and it was told
  ring::Scope scope_;
  ring::TimerOf<DmarcRows, &DmarcRows::time_is_up> timer_{*this};
};

}  // namespace ringpost::mta
