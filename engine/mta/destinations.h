// Destinations: the servers that one core sends mail to: the recipients that wait for them, in a
// store::Scheduler, and the connections that it grants. Of a message it knows nothing but names and
// times; when a connection has room for its recipients, the message's own core is asked for them
// (OutgoingBatch), and told what became of them. Owner: the dispatcher of one core.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "engine/mta/outgoing_batch.h"
#include "engine/mta/outgoing_session.h"
#include "store/queue/limits.h"

namespace ringpost::mta {

struct Generation;

class Destinations final : private OutgoingSessionOwner {
 public:
  // Everything named must outlive it.
  Destinations(WorkerParts& parts, const SegmentStore& segments, const ClientTimes& times = {});
  ~Destinations();
  Destinations(const Destinations&) = delete;
  Destinations& operator=(const Destinations&) = delete;

  // The dispatchers of all cores by index, those of messages.
  void meet(std::vector<Dispatcher*> all) { homes_ = std::move(all); }
  // Limits and retry times.
  void use(const Generation& generation);

  // One that is known already is known by what is said now.
  void add(const RoutedRecipient& recipient);
  // Its message was removed, or it goes elsewhere. One that is in a batch is forgotten when that is
  // settled, if its message's core says so.
  void forget(const store::RecipientKey& key);
  // The operator wants it tried now.
  void hasten(const store::RecipientKey& key);

  // Steps of a batch that comes back from the core of its message.
  static void batch_filled(ring::Message& batch);
  static void batch_settled(ring::Message& batch);

  // At the end of every turn: lets time go on, asks for what can be sent.
  void pump();
  // `pause mda`: to LMTP servers nothing new is sent. `pause mta`: by SMTP nothing; or nothing to
  // the mail servers of a domain, or to a host (lower case). What is under way ends.
  void pause_lmtp(bool paused);
  void pause_smtp(bool paused);
  void pause_domain(const std::string& domain, bool paused);
  // By one of these; `name` is NextHop::key().
  bool is_paused(std::string_view name) const;
  bool any_paused() const { return lmtp_paused_ || smtp_paused_ || !paused_domains_.empty(); }
  // Nothing new is begun; idle() tells when nothing is under way or kept open any more.
  void stop();
  // What is under way is put off.
  void abort();
  bool idle() const { return sessions_.empty() && closing_.empty() && batches_.empty(); }

  store::Scheduler& scheduler() { return scheduler_; }
  ring::Core& core() { return parts_.core; }
  std::size_t connections() const { return sessions_.size() + closing_.size(); }
  // Connections that are open or being made, by server and destination.
  std::map<std::pair<std::string, std::string>, std::uint32_t> servers() const;

 private:
  void wants_work(OutgoingSession& session) override;
  void tried(OutgoingSession& session, OutgoingBatch& batch, bool worked) override;
  void ended(OutgoingSession& session) override;

  using Sessions = std::unordered_map<std::uint32_t, std::unique_ptr<OutgoingSession>>;

  void filled(OutgoingBatch& batch);
  void settled(OutgoingBatch& batch);
  void tidy_sessions();
  void use_free_sessions();
  std::uint16_t limits_number(std::string_view destination) const;
  void renumber_all();
  template <class Visit>
  void for_each_destination(Visit&& visit);
  void settle_overdue();
  bool start_next();
  bool make_place();
  bool ask_for_work(OutgoingSession& session);
  void let_go(OutgoingSession& session);
  void fail(OutgoingSession& session);
  void part_from(OutgoingSession& session);
  void tidy(OutgoingSession& session);
  std::vector<OutgoingSession*> all_sessions() const;
  OutgoingBatch& make_batch(std::span<const store::RecipientKey> keys,
                            const store::DestinationFigures& figures);
  Instant instant_of(WallTime time) const;
  void arm(Instant now);
  void apply_pauses();
  void time_is_up() {}  // the turn that follows does what is due

  WorkerParts& parts_;
  const SegmentStore& segments_;
  ClientTimes times_;
  ReadBuffers buffers_;
  store::Scheduler scheduler_;
  store::LimitsTable limits_;
  std::uint16_t lmtp_limits_ = 0;
  std::vector<Dispatcher*> homes_;
  Sessions sessions_;                                      // by SessionId
  std::vector<std::unique_ptr<OutgoingSession>> closing_;  // the scheduler knows no more of them
  std::vector<store::SessionId> free_;   // they got nothing of what they had asked for
  std::vector<OutgoingSession*> ended_;  // to be tidied
  std::unordered_map<const OutgoingBatch*, std::unique_ptr<OutgoingBatch>> batches_;
  std::set<store::RecipientKey> hastened_;  // under way, and due again as soon as that is over
  std::size_t overdue_under_way_ = 0;
  bool lmtp_paused_ = false;
  bool smtp_paused_ = false;
  std::set<std::string, std::less<>> paused_domains_;
  bool stopping_ = false;
  Instant armed_for_ = never;
  ring::TimerOf<Destinations, &Destinations::time_is_up> timer_{*this};
};

}  // namespace ringpost::mta
