// The spool without a disk: appending, recovering, and the parts of both. Octets per second count
// content; items are messages.
#include <algorithm>
#include <optional>
#include <vector>

#include <benchmark/benchmark.h>

#include "proto/base/check.h"
#include "proto/base/crc32c.h"
#include "store/log/recovery.h"
#include "store/log/writer.h"
#include "store/spool/index.h"

namespace {

using namespace ringpost::store;
using ringpost::Bytes;
using ringpost::MutableBytes;
using ringpost::QueueId;

class Pages {
 public:
  explicit Pages(std::size_t octets) : memory_(octets + block_octets, std::byte{'m'}) {}
  MutableBytes room() {
    const auto address = reinterpret_cast<std::uintptr_t>(memory_.data());
    return MutableBytes(memory_).subspan((block_octets - address % block_octets) % block_octets,
                                         memory_.size() - block_octets);
  }

 private:
  std::vector<std::byte> memory_;
};

Envelope usual_envelope() {
  Envelope envelope;
  envelope.reverse_path = "sender@example.org";
  envelope.hello = "mail.example.org";
  envelope.client_address = "192.0.2.1";
  envelope.recipients.resize(1);
  envelope.recipients[0].accepted_address = "user@example.net";
  envelope.recipients[0].final_address = "user@example.net";
  envelope.recipients[0].action = "local";
  envelope.recipients[0].user = "user";
  return envelope;
}

// A log whose writes take no time; keeps the octets of one segment if asked to.
class Log {
 public:
  explicit Log(std::vector<std::byte>* file = nullptr) : staging_(2u << 20), file_(file) {
    WriterSetup setup;
    setup.staging = staging_.room();
    writer_.emplace(setup);
  }

  // False: nothing could be written; the one segment that is kept is full.
  bool accept(Bytes content, bool by_reference) {
    extents_.clear();
    const QueueId id{++messages_};
    if (by_reference) {
      while (!writer_->append_pages(content, content, extents_))
        if (!write()) return false;
    } else {
      for (Bytes left = content; !left.empty();) {
        const std::size_t taken = writer_->append_content(id, left, extents_);
        left = left.subspan(taken);
        if (taken == 0 && !write()) return false;
      }
    }
    envelope_.extents = extents_;
    while (!writer_->append(id, envelope_))
      if (!write()) return false;
    return true;
  }

  bool write() {
    if (writer_->needs_segment() && (file_ == nullptr || segments_ == 0)) {
      ++segments_;
      writer_->provide_segment({.slot = 0, .segment = {segments_}, .life = 1, .opened = {}});
    }
    const auto intent = writer_->next_intent(LogWriter::Flush::Everything);
    if (!intent) return false;
    std::size_t at = intent->offset;
    for (const Bytes part : intent->parts) {
      if (file_ == nullptr) break;
      std::ranges::copy(part, file_->begin() + static_cast<std::ptrdiff_t>(at));
      at += part.size();
    }
    return writer_->completed({}).durable;
  }

 private:
  Pages staging_;
  std::vector<std::byte>* file_;
  std::optional<LogWriter> writer_;
  Envelope envelope_ = usual_envelope();
  std::vector<Extent> extents_;
  std::uint64_t messages_ = 0;
  std::uint32_t segments_ = 0;
};

void count(benchmark::State& state, std::size_t octets) {
  state.SetItemsProcessed(state.iterations());
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(octets));
}

// 32 messages to a write, as under load: gathered by copy, or lent.
void append(benchmark::State& state, bool by_reference) {
  const auto octets = static_cast<std::size_t>(state.range(0));
  Pages content(octets);
  Log log;
  log.write();
  int batch = 0;
  for (auto _ : state) {
    CHECK(log.accept(content.room(), by_reference));
    if (++batch % 32 == 0) CHECK(log.write());
  }
  count(state, octets);
}
void append_copied(benchmark::State& state) { append(state, false); }
void append_lent(benchmark::State& state) { append(state, true); }
BENCHMARK(append_copied)->Arg(4096)->Arg(16384)->Arg(65536);
BENCHMARK(append_lent)->Arg(4096)->Arg(16384)->Arg(65536);

void recover_segment(benchmark::State& state) {
  std::vector<std::byte> file(segment_octets_default);
  Pages content(4096);
  Log log(&file);
  log.write();
  std::int64_t messages = 0;
  while (log.accept(content.room(), false)) ++messages;
  for (auto _ : state) {
    SegmentScan scan(0, segment_octets_default);
    while (scan.wanted() < segment_octets_default) {
      const std::uint32_t left = segment_octets_default - scan.wanted();
      scan.push(Bytes(file).subspan(scan.wanted(), std::min(left, 1u << 20)));
    }
    Recovery recovery;
    recovery.add(scan.report());
    for (std::size_t i = 0; i < recovery.unverified().size(); ++i) recovery.verified(i, true);
    benchmark::DoNotOptimize(recovery.finish());
  }
  state.SetItemsProcessed(state.iterations() * messages);
  state.SetBytesProcessed(state.iterations() * std::int64_t{segment_octets_default});
}
BENCHMARK(recover_segment)->Unit(benchmark::kMillisecond);

void encode_envelope(benchmark::State& state) {
  const Envelope envelope = usual_envelope();
  std::vector<std::byte> room(encoded_octets(envelope));
  for (auto _ : state) {
    benchmark::DoNotOptimize(encoded_octets(envelope));
    encode(envelope, room);
    benchmark::ClobberMemory();
  }
  count(state, room.size());
}
BENCHMARK(encode_envelope);

void decode_envelope_octets(benchmark::State& state) {
  const Envelope envelope = usual_envelope();
  std::vector<std::byte> room(encoded_octets(envelope));
  encode(envelope, room);
  for (auto _ : state) benchmark::DoNotOptimize(decode_envelope(room));
  count(state, room.size());
}
BENCHMARK(decode_envelope_octets);

void checksum(benchmark::State& state) {
  Pages content(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) benchmark::DoNotOptimize(ringpost::crc32c(0, content.room()));
  count(state, static_cast<std::size_t>(state.range(0)));
}
BENCHMARK(checksum)->Arg(4096)->Arg(65536);

// A message enters the index, is delivered and leaves, beside range(0) others.
void index_life(benchmark::State& state) {
  Index index;
  index.add_segment(SegmentId{1}, true);
  const MessageSummary usual = summarize(QueueId{1}, usual_envelope(), {{1}, 4096, 100, 0});
  std::uint64_t next = 1;
  const auto insert = [&] {
    MessageSummary message = usual;
    message.id = QueueId{next++};
    index.insert(std::move(message));
  };
  for (std::int64_t i = 0; i < state.range(0); ++i) insert();
  Outcome outcome;
  outcome.progress.status = DeliveryStatus::Delivered;
  for (auto _ : state) {
    insert();
    const QueueId id{next - 1 - static_cast<std::uint64_t>(state.range(0))};
    CHECK(index.apply(id, outcome, {{1}, 8192, 20, 0}));
    index.complete(id, SegmentId{1});
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(index_life)->Arg(100)->Arg(100'000);

}  // namespace
