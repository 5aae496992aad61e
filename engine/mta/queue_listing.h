// QueueListing: the recipients of the queue that a control command is about, found on their core a
// slice at a time: so many places of the index a turn, Envelopes read back from the log only where
// addresses matter, one after the other. A request gives a page; the next one goes on from there.
// Messages that come or go between two pages may or may not be found, all others are, once.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/mta/control_rows.h"
#include "engine/mta/gathering.h"
#include "engine/mta/worker.h"
#include "proto/control/selection.h"

namespace ringpost::mta {

// A QueueRow that owns its text.
struct QueueEntry {
  QueueId id;
  std::uint32_t recipient = 0;
  WallTime accepted{};
  std::uint64_t octets = 0;
  std::string from, to, action, last_error;
  control::QueueState state = control::QueueState::Pending;
  std::uint32_t attempts = 0;
  WallTime next_try{};
};
QueueRow row_of(const QueueEntry& entry);

// Where a page ended: a place in the index of a core, or among the messages that were named, and
// the recipient of the message that was there with which to go on.
struct QueuePlace {
  unsigned core = 0;
  std::size_t position = 0;
  QueueId id = {};
  std::uint32_t recipient = 0;
  std::uint64_t found = 0;  // on the pages before
  WallTime began{};         // of the first page
  bool operator==(const QueuePlace&) const = default;
};
std::string to_text(const QueuePlace& place);
// "": the beginning.
std::optional<QueuePlace> parse_queue_place(std::string_view text);

struct QueueWish {
  std::shared_ptr<const control::Selection> selection;
  QueuePlace from;
  std::size_t limit = 0;      // entries at most
  bool with_details = false;  // all of QueueEntry; otherwise id, recipient and state
  // Nothing that was accepted after the first page began, so that an order that makes messages does
  // not come to these.
  bool leaves_out_new = false;
};

struct QueuePart {
  std::vector<QueueEntry> entries;      // those of a message one after the other
  std::optional<QueuePlace> next = {};  // nothing: all of this core was seen
};

// The entries of one core, as many as can be found in a limited time. Runs on that core.
ring::Task<QueuePart> find_in_queue(ring::Core& core, Dispatcher& dispatcher, QueueWish wish);

// The same as an answer to the thread that asked.
ring::Task<void> list_queue(Worker& worker, QueueWish wish,
                            std::shared_ptr<Gathering<QueuePart>> gathering);

// The Envelope of a message as JSON; null where it is not.
ring::Task<void> show_envelope(Worker& worker, QueueId id,
                               std::shared_ptr<Gathering<Json>> gathering);

}  // namespace ringpost::mta
