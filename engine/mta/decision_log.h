// DecisionLog: the decisions of one core on their way into the DecisionFile. They are gathered in
// memory and written, not synced, when there are enough or some time has passed. A write that fails
// and a disk that is too slow cost records, which is counted. Owner: one core.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>

#include "engine/mta/decision_file.h"
#include "engine/observe/event_log.h"
#include "engine/observe/metrics.h"
#include "engine/ring/core.h"
#include "store/decision/chunk.h"

namespace ringpost::mta {

// What a crash of the daemon may lose: the records of this time.
inline constexpr Duration decision_delay_max = milliseconds(200);

class DecisionLog {
 public:
  // `file` null: there is none, and every record is lost.
  DecisionLog(ring::Core& core, DecisionFile* file, observe::DecisionMetrics& metrics,
              observe::EventSink& events);
  // Only when idle.
  ~DecisionLog();
  DecisionLog(const DecisionLog&) = delete;
  DecisionLog& operator=(const DecisionLog&) = delete;

  void put(const store::DecisionRecord& record);
  // An empty record, whose lists keep their room; of the core, so to be used up at once.
  store::DecisionRecord& blank();
  // Calls `done` when all that was put before has been written, or is lost.
  void flush(std::function<void()> done);
  void end_of_turn();
  // Nothing waits to be written.
  bool idle() const { return settled_ == put_ && !operation_.in_flight(); }

 private:
  struct Piece {  // of the file
    std::unique_ptr<std::byte[]> room = std::make_unique<std::byte[]>(store::chunk_octets);
    store::ChunkWriter writer{{room.get(), store::chunk_octets}};
    std::uint64_t offset = 0;   // in the file
    std::size_t begun = 0;      // octets that were written, or are being written
    std::uint64_t records = 0;  // of those that are not
    bool is_broken = false;     // a write of it failed: who reads it might not get that far
    bool has_rest() const { return begun < writer.octets().size(); }
  };

  bool append(const store::DecisionRecord& record);
  bool begin(Piece& piece);
  void time_is_up() { is_due_ = true; }
  void start_write();
  void go_on();
  void written(ring::Completion completion);
  void settle(bool done);
  void report(int error);

  ring::Core& core_;
  DecisionFile* file_;
  observe::DecisionMetrics& metrics_;
  observe::EventSink& events_;
  std::array<Piece, 2> pieces_;
  std::size_t current_ = 0;  // to which records are appended
  store::DecisionRecord blank_;
  bool is_due_ = false;
  bool is_failing_ = false;  // and it was told

  std::uint64_t put_ = 0, settled_ = 0;  // records
  struct Waiter {
    std::uint64_t settled;
    std::function<void()> done;
  };
  std::deque<Waiter> waiters_;
  // The write that is under way.
  Bytes writing_;
  Piece* writing_of_ = nullptr;
  std::uint64_t writing_at_ = 0;  // in the file
  std::uint64_t writing_records_ = 0;
  ring::OperationOf<DecisionLog, &DecisionLog::written> operation_{*this};
  ring::TimerOf<DecisionLog, &DecisionLog::time_is_up> timer_{*this};
};

}  // namespace ringpost::mta
