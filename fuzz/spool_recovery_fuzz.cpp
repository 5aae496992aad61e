// Recovery over damaged segments: the input first writes a valid log, then damages it, as bit rot,
// stale sectors and lost ones do. Whatever comes out was written, with its content; without damage
// all of it comes out.
// Input: operations of two octets (kind, argument); damage has two more octets for the place.
#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "proto/base/check.h"
#include "proto/base/crc32c.h"
#include "store/log/recovery.h"
#include "store/log/writer.h"
#include "store/spool/index.h"

namespace ringpost::store {
namespace {

constexpr std::uint32_t segment_octets = 12 * block_octets;
constexpr std::uint32_t slots = 4;
constexpr std::uint32_t staging_octets = 8 * block_octets;

class Input {
 public:
  explicit Input(Bytes octets) : octets_(octets) {}
  bool empty() const { return octets_.empty(); }
  std::uint32_t octet() {
    if (octets_.empty()) return 0;
    const auto value = std::to_integer<std::uint32_t>(octets_.front());
    octets_ = octets_.subspan(1);
    return value;
  }
  Bytes rest() const { return octets_; }

 private:
  Bytes octets_;
};

alignas(block_octets) std::byte staging_memory[staging_octets];
alignas(block_octets) std::byte pages_memory[2 * block_octets];

struct Message {
  std::string content;
  bool durable = false;
  bool buried = false;
};

struct Awaited {
  QueueId id;
  bool buries = false;
};

class Log {
 public:
  Log() : files_(slots, std::vector<std::byte>(segment_octets)), writer_(setup()) { provide(); }

  // False: the input goes on with damage.
  bool run(std::uint32_t kind, std::uint32_t argument) {
    switch (kind % 8) {
      case 0:
        append_content(argument);
        break;
      case 1:
        append_pages(argument);
        break;
      case 2:
        commit(argument);
        break;
      case 3:
        append_outcome(argument);
        break;
      case 4:
        bury(argument);
        break;
      case 5:
        write(true);
        break;
      case 6:
        write(argument % 4 != 0);
        break;
      default:
        return false;
    }
    return true;
  }

  void damage(Input& input) {
    const std::uint32_t kind = input.octet();
    const std::uint32_t argument = input.octet();
    const std::uint32_t place = input.octet() << 8 | input.octet();
    std::vector<std::byte>& file = files_[argument % slots];
    damaged_ = true;
    if (kind % 4 == 0) {
      file[place % segment_octets] ^= static_cast<std::byte>(argument | 1);
    } else if (kind % 4 == 1) {  // a sector that was lost
      std::fill_n(file.begin() + place % (segment_octets / 512) * 512, 512, std::byte{0});
    } else if (kind % 4 == 2) {  // a sector of another file
      const auto at = place % (segment_octets / 512) * 512;
      std::copy_n(files_[place % slots].begin() + at, 512, file.begin() + at);
    } else {  // whatever the input says
      const Bytes rest = input.rest();
      const std::size_t at = place % segment_octets;
      std::copy_n(rest.begin(), std::min(rest.size(), segment_octets - at),
                  file.begin() + static_cast<std::ptrdiff_t>(at));
    }
  }

  void check() {
    while (write(true)) continue;
    const RecoveredSpool spool = recover();
    Index index;
    for (const RecoveredSegment& segment : spool.segments)
      if (segment.state == SlotState::Sealed) index.add_segment(segment.segment, true);
    for (const auto& reliance : spool.reliances) index.rely(reliance.tombstone, reliance.copy);
    for (const MessageSummary& message : spool.messages) {
      check_message(message);
      index.insert(message);
    }
    CHECK(index.size() == spool.messages.size());
    for (const auto& [id, message] : messages_) {
      if (damaged_ || !message.durable) continue;
      CHECK((index.find(id) != nullptr) != message.buried);
    }
    CHECK(damaged_ || spool.damaged.empty());
    for (const Damage& damage : spool.damaged) CHECK(damage.begin < damage.end);
    for (const MessageSummary& message : spool.messages)
      index.complete(message.id, SegmentId{spool.segment_max.value + 1});
  }

 private:
  static WriterSetup setup() {
    WriterSetup setup;
    setup.segment_octets = segment_octets;
    setup.staging = staging_memory;
    setup.raw_octets_per_intent_max = 4 * block_octets;
    return setup;
  }

  void provide() {
    if (!writer_.needs_segment() || used_ == slots) return;
    const std::uint32_t slot = used_++;
    writer_.provide_segment(
        {.slot = slot, .segment = {used_}, .life = 77ull * used_, .opened = {}});
  }

  std::string text(std::uint32_t argument) const {
    return std::string(1 + argument * 9, static_cast<char>('a' + argument % 26));
  }

  void append_content(std::uint32_t argument) {
    const std::string octets = text(argument);
    const std::size_t taken = writer_.append_content(draft_, bytes_of(octets), extents_);
    content_ += octets.substr(0, taken);
  }

  void append_pages(std::uint32_t argument) {
    // The page is written when the intent leaves, so it leaves at once.
    std::ranges::fill(pages_memory, static_cast<std::byte>('A' + argument % 26));
    const Bytes slice = Bytes(pages_memory).subspan(argument, 1 + argument * 9);
    if (!writer_.append_pages(pages_memory, slice, extents_)) return;
    content_ += text_of(slice);
    write(true);
  }

  void commit(std::uint32_t argument) {
    Envelope envelope;
    envelope.recipients.resize(1 + argument % 3);
    envelope.reverse_path = text(argument % 16);
    envelope.extents = extents_;
    if (!writer_.append(draft_, envelope)) return;
    messages_[draft_] = {.content = content_};
    awaited_.push_back({.id = draft_});
    next_draft();
  }

  void append_outcome(std::uint32_t argument) {
    Outcome outcome;
    outcome.recipient = argument % 4;
    outcome.progress.attempts = static_cast<std::uint16_t>(argument);
    outcome.progress.status = static_cast<DeliveryStatus>(argument % 7);
    outcome.progress.hold_changes = argument % 3;
    std::ignore = writer_.append(QueueId{1 + argument % draft_.value}, outcome);
  }

  void bury(std::uint32_t argument) {
    const QueueId id{1 + argument % draft_.value};
    if (messages_.contains(id) && writer_.append_completed(id))
      awaited_.push_back({.id = id, .buries = true});
  }

  bool write(bool ok) {
    provide();
    const auto intent = writer_.next_intent(LogWriter::Flush::Everything);
    if (!intent) return false;
    std::size_t at = intent->offset;
    for (const Bytes part : intent->parts) {
      std::ranges::copy(part, files_[intent->slot].begin() + static_cast<std::ptrdiff_t>(at));
      at += part.size();
    }
    if (ok) {
      CHECK(writer_.completed({}).durable);
    } else {
      CHECK(!writer_.completed(std::unexpected(Fault{.operation = "write", .code = 5})).durable);
      next_draft();
    }
    for (const Awaited& awaited : awaited_) {
      Message& message = messages_[awaited.id];
      // What a failed write left may or may not be found.
      message.durable = ok && (awaited.buries ? message.durable : true);
      message.buried = message.buried || awaited.buries;
    }
    awaited_.clear();
    return true;
  }

  void next_draft() {
    ++draft_.value;
    extents_.clear();
    content_.clear();
  }

  std::optional<Bytes> read(const Extent& extent) const {
    const auto slot = places_.find(extent.segment);
    if (slot == places_.end()) return std::nullopt;
    const Bytes file(files_[slot->second]);
    if (extent.offset > file.size() || extent.length > file.size() - extent.offset)
      return std::nullopt;
    const Bytes octets = file.subspan(extent.offset, extent.length);
    if (crc32c(0, octets) != extent.crc) return std::nullopt;
    return octets;
  }

  SegmentReport scan(std::uint32_t slot, std::uint32_t blocks) const {
    SegmentScan scan(slot, segment_octets);
    while (scan.wanted() < segment_octets) {
      const std::uint32_t left = segment_octets - scan.wanted();
      scan.push(Bytes(files_[slot]).subspan(scan.wanted(), std::min(left, blocks * block_octets)));
    }
    return scan.report();
  }

  RecoveredSpool recover() {
    Recovery recovery;
    std::map<SegmentId, std::uint32_t> ends;
    for (std::uint32_t slot = 0; slot < slots; ++slot) {
      SegmentReport report = scan(slot, 1);
      const SegmentReport again = scan(slot, 5);
      CHECK(report.envelopes.size() == again.envelopes.size() && report.end == again.end);
      CHECK(report.damage.size() == again.damage.size());
      // As Recovery does: of two files with one id the longer one counts.
      const auto [end, is_new] = ends.try_emplace(report.segment, report.end);
      if (is_new || report.end > end->second) {
        end->second = report.end;
        places_[report.segment] = slot;
      }
      recovery.add(std::move(report));
    }
    for (std::size_t i = 0; i < recovery.unverified().size(); ++i)
      recovery.verified(i, read(recovery.unverified()[i]).has_value());
    return recovery.finish();
  }

  void check_message(const MessageSummary& message) const {
    const auto known = messages_.find(message.id);
    CHECK(known != messages_.end());
    const auto payload = read(message.envelope);
    CHECK(payload);
    const auto envelope = decode_envelope(*payload);
    CHECK(envelope && envelope->recipients.size() == message.recipients.size());
    std::string content;
    for (const Extent& extent : envelope->extents) {
      const auto octets = read(extent);
      if (!octets) {
        CHECK(damaged_);
        return;
      }
      content += text_of(*octets);
    }
    CHECK(content == known->second.content);
  }

  std::vector<std::vector<std::byte>> files_;
  LogWriter writer_;
  std::uint32_t used_ = 0;
  std::map<QueueId, Message> messages_;
  std::vector<Awaited> awaited_;
  std::map<SegmentId, std::uint32_t> places_;
  QueueId draft_{1};
  std::vector<Extent> extents_;
  std::string content_;
  bool damaged_ = false;
};

}  // namespace
}  // namespace ringpost::store

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* octets, std::size_t size) {
  ringpost::store::Input input(std::as_bytes(std::span(octets, size)));
  ringpost::store::Log log;
  bool building = true;
  while (building && !input.empty()) {
    const std::uint32_t kind = input.octet();
    building = log.run(kind, input.octet());
  }
  // Damage strikes when the writer has stopped.
  while (log.run(5, 0) && !input.empty()) log.damage(input);
  log.check();
  return 0;
}
