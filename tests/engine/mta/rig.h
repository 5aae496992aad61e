// One core with all that engine/mta needs of it, over a spool of small segments in a folder of its
// own.
#pragma once

#include <atomic>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "engine/mta/agents.h"
#include "engine/mta/connection_counts.h"
#include "engine/mta/content_leases.h"
#include "engine/mta/dispatcher.h"
#include "engine/mta/enquiries.h"
#include "engine/mta/generation.h"
#include "engine/mta/resolver.h"
#include "engine/mta/segment_store.h"
#include "engine/mta/spool_upkeep.h"
#include "engine/mta/spooler.h"
#include "engine/mta/user_directory.h"
#include "engine/mta/worker_parts.h"
#include "tests/engine/support.h"

namespace ringpost::test {

inline constexpr std::uint32_t small_segment_octets = 1u << 20;

inline std::string read_text(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline std::unique_ptr<mta::SegmentStore> open_store(
    const std::string& folder, std::uint32_t segment_octets = small_segment_octets) {
  mta::SegmentStoreOptions options;
  options.path = folder;
  options.segment_octets = segment_octets;
  auto store = mta::SegmentStore::open(std::move(options));
  EXPECT_TRUE(store) << to_text(store.error());
  return store ? std::move(*store) : nullptr;
}

inline std::unique_ptr<observe::EventLog> open_log(const std::string& path, unsigned cores = 1) {
  observe::EventLogOptions options;
  options.cores = cores;
  options.path = path;
  auto log = observe::EventLog::open(std::move(options));
  EXPECT_TRUE(log) << to_text(log.error());
  return log ? std::move(*log) : nullptr;
}

// Waits, without a core, for something that another thread does.
inline bool wait_for(const std::function<bool()>& what, Duration limit = seconds(20)) {
  for (const Instant end = monotonic_now() + limit; monotonic_now() < end; usleep(2'000))
    if (what()) return true;
  return what();
}

template <class T>
ring::Task<void> keep_result(ring::Task<T> task, std::optional<T>& target) {
  T value = co_await task;
  target.emplace(std::move(value));
}

// What a task gives, run on `core` to its end.
template <class T>
std::optional<T> result_of(ring::Core& core, ring::Task<T> task) {
  std::optional<T> result;
  ring::Scope scope;
  ring::Task<void>::spawn(scope, keep_result(std::move(task), result));
  EXPECT_TRUE(run_until(core, [&] { return scope.idle(); }));
  return result;
}

struct NotedCommit : mta::Commit {
  NotedCommit() : Commit(&NotedCommit::settled) {}
  static void settled(mta::Commit& commit, bool was_durable) {
    auto& self = static_cast<NotedCommit&>(commit);
    ++self.told;
    self.durable = was_durable;
  }
  unsigned told = 0;
  bool durable = false;
};

struct NotedRoom : mta::RoomWaiter {
  NotedRoom() : RoomWaiter(&NotedRoom::called) {}
  static void called(mta::RoomWaiter& waiter) { ++static_cast<NotedRoom&>(waiter).told; }
  unsigned told = 0;
};

// A message of the rig's spool.
struct Spooled {
  QueueId id;
  store::Envelope envelope;
  store::Extent where;
};

// No private key is here.
class NoKeys final : public tls::Signer {
 public:
  void sign(tls::SignJob&, const tls::KeyName&, std::uint16_t, Bytes) override {
    ADD_FAILURE() << "nobody shows a certificate here";
  }
  void forget(tls::SignJob&) override {}
};

class SpoolRig {
 public:
  explicit SpoolRig(const std::string& folder, mta::SpoolerOptions options = {},
                    memory::BufferRingOptions buffer_options = {.buffers = 64})
      : log(open_log(folder + "/log")), core(make_core()), segments(open_store(folder)) {
    auto made = memory::BufferRing::create(core->ring(), buffer_options);
    EXPECT_TRUE(made);
    buffers = std::move(*made);
    parts.buffers = buffers.get();
    parts.index = &index;
    parts.agents = &agents;
    parts.enquiries = &enquiries;
    parts.signer = &no_keys;
    parts.client_sessions = &client_sessions;
    auto staging = disk::AlignedMemory::map(options.staging_octets);
    EXPECT_TRUE(staging);
    spooler =
        std::make_unique<mta::Spooler>(parts, *segments, index, options, std::move(*staging), 0);
    parts.spooler = spooler.get();
    dispatcher = std::make_unique<mta::Dispatcher>(parts, *segments, index,
                                                   mta::DispatcherOptions{.envelopes_kept_max = 0});
    dispatcher->pause(true);
    dispatcher->meet({dispatcher.get()});
    parts.dispatcher = dispatcher.get();
    upkeep = std::make_unique<mta::SpoolUpkeep>(parts, *segments, index);
    upkeep->meet({upkeep.get()});
    core->at_turn_end([this] {
      if (resolver) resolver->end_of_turn();
      upkeep->run_due();
      spooler->flush();
      buffers->serve_waiters();
    });
  }
  SpoolRig(const SpoolRig&) = delete;
  SpoolRig& operator=(const SpoolRig&) = delete;
  ~SpoolRig() {
    upkeep->stop();
    EXPECT_TRUE(run([this] { return upkeep->idle() && dispatcher->idle() && spooler->idle(); }));
    segments->end_announcements();
  }

  // Lets segments be made; true once some are ready.
  bool start(std::uint32_t highest = 0) {
    segments->start(store::SegmentId{highest}, [] {});
    return run([this] { return segments->ready() > 0; });
  }
  bool run(const std::function<bool()>& finished) { return run_until(*core, finished); }

  // Lets names be looked up at `server`, until end_resolver().
  void start_resolver(const dns::ServerAddress& server) {
    auto made = mta::Resolver::create(*core, *buffers, metrics.resolver);
    EXPECT_TRUE(made);
    resolver = std::move(*made);
    resolver->use({.servers = {server}});
    parts.resolver = resolver.get();
  }
  void end_resolver() {
    resolver->close();
    EXPECT_TRUE(run([this] { return resolver->idle(); }));
    parts.resolver = nullptr;
    resolver.reset();
  }

  // Content that no Envelope names yet; `leases` keep its segments.
  std::vector<store::Extent> spool(QueueId id, std::string_view content,
                                   mta::ContentLeases& leases) {
    std::vector<store::Extent> extents;
    Bytes rest = bytes_of(content);
    EXPECT_TRUE(run([&] {
      rest = rest.subspan(spooler->append_content(id, rest, {}, extents));
      leases.hold_last(extents);
      return rest.empty();
    }));
    return extents;
  }
  // A durable message, entered into the index and the queue; received now, or `later`.
  Spooled accept(std::string_view content, std::size_t recipients = 1, Duration later = {}) {
    store::Envelope envelope;
    envelope.recipients.resize(recipients);
    return accept(content, std::move(envelope), later);
  }
  Spooled accept(std::string_view content, store::Envelope envelope, Duration later = {}) {
    Spooled message;
    mta::ContentLeases leases(index);
    message.id = spooler->new_id();
    message.envelope = std::move(envelope);
    message.envelope.received = core->wall() + later;
    message.envelope.reverse_path = "sender@example.org";
    message.envelope.extents = spool(message.id, content, leases);
    NotedCommit commit;
    EXPECT_TRUE(run([&] {
      const auto appended = spooler->append(message.id, message.envelope, commit);
      if (!appended) return false;
      message.where = appended->where;
      leases.hold(message.where.segment);
      return true;
    }));
    EXPECT_TRUE(run([&] { return commit.told == 1; }));
    EXPECT_TRUE(commit.durable);
    dispatcher->accepted(message.id, message.envelope, message.where);
    return message;
  }
  // Of the messages that are not done with.
  std::vector<QueueId> ids() const {
    std::vector<QueueId> ids;
    index.visit(0, SIZE_MAX, [&](const store::MessageSummary& m) { ids.push_back(m.id); });
    return ids;
  }
  // What the operator's `schedule` does to a message's first recipient; true: done.
  bool schedule(QueueId id) {
    const auto obeyed = result_of(*core, dispatcher->obey(mta::OperatorOrder::Schedule, id, {0}));
    return obeyed && obeyed->done == 1;
  }
  void complete(QueueId id) {
    NotedCommit commit;
    mta::ContentLeases leases(index);
    store::SegmentId where;
    ASSERT_TRUE(run([&] {
      const auto appended = spooler->append_completed(id, commit);
      if (!appended) return false;
      where = appended->where.segment;
      leases.hold(where);
      return true;
    }));
    ASSERT_TRUE(run([&] { return commit.told == 1; }));
    index.complete(id, where);
  }

  std::expected<std::string, Fault> read(std::vector<store::Extent> extents) {
    auto memory = disk::AlignedMemory::map(mta::ReadBuffers::bytes);
    EXPECT_TRUE(memory);
    mta::ContentReader reader(core->ring(), *segments, memory->bytes(), extents);
    std::string text;
    while (true) {
      const auto piece = *result_of(*core, reader.next());
      if (!piece) return std::unexpected(piece.error());
      if (piece->empty()) return text;
      text += text_of(*piece);
    }
  }

  std::unique_ptr<observe::EventLog> log;
  std::unique_ptr<ring::Core> core;
  std::unique_ptr<mta::SegmentStore> segments;
  observe::CoreMetrics metrics;
  mta::ConnectionCounts counts;
  mta::UserDirectory users;
  std::atomic<std::uint32_t> offline_uid{0};
  std::unique_ptr<memory::BufferRing> buffers;
  store::Index index;
  mta::WorkerParts parts{.core = *core,
                         .metrics = metrics,
                         .events = log->core(0),
                         .connection_counts = counts,
                         .users = users,
                         .generation = std::make_shared<mta::Generation>(),
                         .offline_uid = offline_uid};
  mta::Agents agents{*core, nullptr};
  mta::Enquiries enquiries{parts};
  std::unique_ptr<mta::Resolver> resolver;
  NoKeys no_keys;
  tls::SessionStore client_sessions{10};
  std::unique_ptr<mta::Spooler> spooler;
  std::unique_ptr<mta::Dispatcher> dispatcher;
  std::unique_ptr<mta::SpoolUpkeep> upkeep;
};

}  // namespace ringpost::test
