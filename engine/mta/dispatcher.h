// Dispatcher: the queue of one core: which recipients of its messages are due, the attempts that
// are under way, and what became of them. Mailboxes are written by the core that owns them; those
// for other servers wait in the Destinations of the core that owns the server, which asks for them
// when it has a connection. The outcome is recorded durably here before the recipient is forgotten.
// Owner: one core.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <unordered_map>
#include <vector>

#include "engine/mta/delivery_order.h"
#include "engine/mta/destinations.h"
#include "engine/mta/local_delivery.h"
#include "engine/mta/reports.h"
#include "engine/mta/spooler.h"
#include "engine/mta/worker_parts.h"
#include "engine/ring/task.h"
#include "store/queue/lanes.h"
#include "store/queue/ready_queue.h"
#include "store/spool/index.h"

namespace ringpost::mta {

struct DispatcherOptions {
  std::size_t attempts_max = 50;          // in flight, of this core's messages
  std::size_t envelopes_kept_max = 2048;  // of new messages, so that they need not be read back
};

// What the operator may do to recipients that wait.
enum class OperatorOrder : std::uint8_t {
  Schedule,  // try it now, unless it is held
  Remove,    // forget it, and tell nobody
  Bounce,    // give it up, and tell the sender
  Hold,      // no attempts, and no end of its time, until it is released
  Release,   // try it now
  Reroute,   // relay it to another host
};

// How many recipients of an order were changed. Busy: they are in the middle of an attempt, or of
// another order. Held: to be released first. Unfit: they are not relayed.
struct Obeyed {
  std::size_t done = 0;
  std::size_t busy = 0;
  std::size_t held = 0;
  std::size_t unfit = 0;
  Obeyed& operator+=(const Obeyed& other) {
    done += other.done, busy += other.busy, held += other.held, unfit += other.unfit;
    return *this;
  }
};

// The operator holds it, or no attempt is made because its sender could not be told of its end.
bool is_kept_back(const store::RecipientProgress& progress, WallTime now);

class Dispatcher {
 public:
  Dispatcher(WorkerParts& parts, SegmentStore& segments, store::Index& index,
             const DispatcherOptions& options);
  ~Dispatcher();
  Dispatcher(const Dispatcher&) = delete;
  Dispatcher& operator=(const Dispatcher&) = delete;

  // The dispatchers of all cores by index, this one included; they must all outlive each other's
  // attempts.
  void meet(std::vector<Dispatcher*> all);

  // --- messages --------------------------------------------------------------------------------
  // Durable, and so ours: enters it into the index and the queue.
  void accepted(QueueId id, store::Envelope envelope, const store::Extent& where);
  // The cleaner has moved it; the new Envelope is durable.
  void relocated(store::MessageSummary message) {
    kept_.erase(message.id);
    index_.insert(std::move(message));
  }
  // Its Completed record is on its way: it must not be written again elsewhere.
  bool is_completing(QueueId id) const { return completing_.contains(id); }
  // From recovery, before the core runs.
  void recovered(store::MessageSummary message);
  void restore_error(QueueId id, std::uint32_t recipient, std::string text) {
    errors_[id][recipient] = std::move(text);
  }
  const store::Index& index() const { return index_; }

  // How many attempts may be under way at once, of this core's messages, in mailboxes.
  void allow_attempts(std::size_t most);
  // parts.generation is a new one.
  void use_generation() { destinations_.use(*parts_.generation); }
  // At the end of every turn: starts what is due.
  void end_of_turn();
  // No new attempts; idle() tells when those under way have ended.
  void stop();
  // Those under way are put off.
  void abort() { destinations_.abort(); }
  bool idle() const { return scope_.idle() && destinations_.idle() && reports_.idle(); }
  // Names the attempts that have not ended.
  void report_hung() const;

  // --- the operator's hands --------------------------------------------------------------------
  // Deliveries to mailboxes and by LMTP.
  void pause(bool paused);
  // Deliveries of some kind are paused; and: this one's.
  bool any_paused() const { return paused_ || destinations_.any_paused(); }
  bool is_paused(QueueId id, std::uint32_t index, const store::Recipient& recipient) const;
  bool is_active(QueueId id, std::uint32_t recipient) const {
    return active_.contains({id, recipient});
  }
  std::string_view last_error(QueueId id, std::uint32_t recipient) const;
  // Does to the recipients of a message what the operator has ordered, durably where it is to last.
  // Those that are not there or done are left out. `host` is for Reroute, a text that
  // conf::parse_relay_host() takes; it counts as long as the daemon lives.
  ring::Task<Obeyed> obey(OperatorOrder order, QueueId id, std::vector<std::uint32_t> recipients,
                          std::string host = {});
  // Forgets a message durably; `done` is called then, or with false at once when it is not here. A
  // message that is just being done with counts as removed.
  void remove(QueueId id, std::function<void(bool)> done);
  // Reads the Envelope of a message back, with its present progress. Not kept.
  ring::Task<std::expected<std::shared_ptr<const store::Envelope>, Fault>> envelope_of(QueueId id);
  // --- other servers ---------------------------------------------------------------------------
  // Those that this core owns.
  Destinations& destinations() { return destinations_; }
  ring::Core& core() { return parts_.core; }
  // Steps of an OutgoingBatch with messages of this core.
  static void batch_wanted(ring::Message& batch);
  static void batch_tried(ring::Message& batch);
  // Runs `task` as one of this dispatcher's own.
  void run(ring::Task<void> task) { ring::Task<void>::spawn(scope_, std::move(task)); }

  // Appends a record when there is room for it, and ends when it is durable; tries again after a
  // failed write. Nothing: it can never be written, or the daemon stops while the disk fails.
  using Append = std::move_only_function<std::expected<store::Appended, store::Refused>(Commit&)>;
  ring::Task<std::optional<store::Appended>> append_durably(Append append);

 private:
  using RecipientKey = std::pair<QueueId, std::uint32_t>;
  // An attempt on its way between the core of the message and the core of the destination.
  struct Attempt : DeliveryOrder {
    Attempt(Dispatcher& from, Dispatcher& to)
        : DeliveryOrder(&Attempt::arrived), home(from), away(to) {}
    static void arrived(ring::Message& message);
    static void returned(ring::Message& message);
    Dispatcher& home;
    Dispatcher& away;
    ring::Signal done;
  };

  void start_due();
  bool is_wanted(const store::QueuedRecipient& entry) const;
  ring::Task<void> attempt(store::QueuedRecipient entry);
  ring::Task<void> serve(Attempt& order);
  // When it is to be tried again; nothing: it is over, or in the operator's hands.
  ring::Task<std::optional<WallTime>> record(const DeliveryOrder& order, Instant began);
  ring::Task<void> tell_sender(const DeliveryOrder& order, store::RecipientProgress& progress);
  std::size_t attempts_of(QueueId id) const;
  ring::Task<void> complete(QueueId id);
  ring::Task<void> remove_task(QueueId id, std::function<void(bool)> done);
  ring::Task<Obeyed> remove_some(QueueId id, std::vector<std::uint32_t> recipients);
  struct Bounces {
    std::size_t under_way = 0;
    std::size_t told = 0;
    ring::Signal over = {};
  };
  ring::Task<Obeyed> bounce_some(QueueId id, std::vector<std::uint32_t> recipients);
  ring::Task<void> bounce(QueueId id, std::uint32_t recipient, const store::Envelope& envelope,
                          Bounces& bounces);
  ring::Task<bool> change_hold(QueueId id, std::uint32_t recipient);
  ring::Task<bool> settle(QueueId id, std::uint32_t recipient, store::RecipientProgress progress);
  ring::Task<Obeyed> reroute_some(QueueId id, std::vector<std::uint32_t> recipients,
                                  std::string host);
  Obeyed schedule_some(QueueId id, const std::vector<std::uint32_t>& recipients);
  bool schedule(QueueId id, std::uint32_t recipient);
  bool withdraw(QueueId id, std::uint32_t recipient);
  void forget_notes(QueueId id);
  bool withdraw_here(QueueId id, std::uint32_t recipient);
  void hold_unreadable(const store::QueuedRecipient& entry, const Fault& fault);
  void fill(DeliveryOrder& order, const store::QueuedRecipient& entry,
            const store::Envelope& envelope);
  store::RecipientProgress progress_after(const DeliveryOrder& order) const;
  void note_result(const DeliveryOrder& order, const store::RecipientProgress& progress,
                   Instant began);
  ring::Task<void> attempt_in_lane(store::QueuedRecipient entry, const store::Envelope& envelope,
                                   Instant began);
  struct Lane {
    std::string name;  // empty: none
    std::size_t most = 0;
  };
  Lane lane_of(const store::Recipient& recipient) const;
  Dispatcher& owner_of(const store::Recipient& recipient) const;
  // A mailbox that no other process has to write.
  bool is_written_here(const conf::Action& action, const store::Recipient& recipient) const;
  // For other servers: dispatcher_outgoing.cpp.
  struct Recording;
  std::optional<RoutedRecipient> route(QueueId id, std::uint32_t index,
                                       const store::Recipient& recipient,
                                       std::string_view reverse_path, WallTime received,
                                       WallTime due) const;
  std::optional<NextHop> next_hop(QueueId id, std::uint32_t index,
                                  const store::Recipient& recipient) const;
  bool send_on_its_way(QueueId id, std::uint32_t index, const store::Envelope& envelope,
                       WallTime due);
  void hand_over(RoutedRecipient recipient);
  void hand_over_all();
  WallTime deadline_after(const store::Recipient& recipient, WallTime received, WallTime due) const;
  ring::Task<void> carry(OutgoingBatch& batch);
  ring::Task<void> carry_filled(OutgoingBatch& batch, Recording& recording);
  void fill(OutgoingBatch& batch, const store::Envelope& envelope, Recording& recording);
  void add_attempt(OutgoingBatch& batch, const store::RecipientKey& key,
                   const store::Envelope& envelope, NextHop next);
  ring::Task<void> record_one(OutgoingBatch& batch, OutgoingAttempt& attempt, Recording& recording);
  void wait_again(OutgoingBatch& batch, const OutgoingAttempt& attempt, WallTime due,
                  Recording& recording);
  void settle(OutgoingBatch& batch, Recording& recording);
  void on_all_destinations(const std::function<void(Destinations&)>& call);
  void update_gauges();
  void timer_fired() {}  // the turn that follows starts what is due

  WorkerParts& parts_;
  SegmentStore& segments_;
  store::Index& index_;
  DispatcherOptions options_;
  std::vector<Dispatcher*> all_;
  LocalDelivery local_;
  ReadBuffers buffers_;
  Reports reports_;
  Destinations destinations_;
  std::vector<std::vector<RoutedRecipient>> routed_;  // by core, until the end of the turn
  store::ReadyQueue ready_;
  store::Lanes lanes_;
  std::unordered_map<QueueId, std::shared_ptr<const store::Envelope>> kept_;
  std::set<RecipientKey> active_;
  // What is done with, until that is durable; and who is to be told of it.
  std::map<QueueId, std::vector<std::function<void(bool)>>> completing_;
  std::vector<store::QueuedRecipient> set_aside_;  // due while paused
  // In no queue until the operator asks for another try: held, or they cannot be read.
  std::set<RecipientKey> unreadable_;
  std::map<RecipientKey, std::string> rerouted_;  // to another host than their action's
  std::unordered_map<QueueId, std::unordered_map<std::uint32_t, std::string>> errors_;
  bool paused_ = false;
  bool stopping_ = false;
  ring::Scope scope_;
  ring::TimerOf<Dispatcher, &Dispatcher::timer_fired> timer_{*this};
};

}  // namespace ringpost::mta
